/** What the service is told by its environment. */
export interface Settings {
  /** Loopback unless told: the local driver's edge is on the same machine. */
  readonly host: string;
  readonly port: number;
  /** Said with every answer, so that a client can tell versions apart where nothing before the service does. */
  readonly release: string | undefined;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: string;
    readonly password: string;
    readonly connections: number;
  };
}

/** Reads the settings once, at the start; throws with the name of what is missing. */
export function readSettings(variables: Readonly<Record<string, string | undefined>>): Settings {
  const text = (name: string): string => {
    const value = variables[name];
    if (value === undefined || value === '') throw new Error(`the variable ${name} is not set`);
    return value;
  };
  const number = (name: string): number => {
    const value = Number(text(name));
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`the variable ${name} is not a positive whole number`);
    return value;
  };
  return {
    host: variables['HOST'] === undefined ? '127.0.0.1' : text('HOST'),
    port: number('PORT'),
    release: variables['BELAY_RELEASE'],
    database: {
      host: text('SHOP_DATABASE_HOST'),
      port: number('SHOP_DATABASE_PORT'),
      database: text('SHOP_DATABASE_NAME'),
      user: text('SHOP_DATABASE_USER'),
      password: text('SHOP_DATABASE_PASSWORD'),
      connections:
        variables['SHOP_DATABASE_CONNECTIONS'] === undefined ? 6 : number('SHOP_DATABASE_CONNECTIONS'),
    },
  };
}
