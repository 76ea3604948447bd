import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';

/** A PostgreSQL server, as a user who may create databases and roles. */
export interface Administrator {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface ShopDatabase {
  /** The service's parameters: everything but the password. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The value for the secret SHOP_DATABASE_PASSWORD. */
  readonly password: string;
}

/** Creates a database of this name with the shop's schema and seed, owned by a role of its own. */
export async function createShopDatabase(administrator: Administrator, name: string): Promise<ShopDatabase> {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(name)) throw new Error(`${name} is no plain name for a database`);
  const password = randomBytes(18).toString('base64url');
  await execute(administrator, [
    `create role ${name} login password '${password}'`,
    `create database ${name} owner ${name}`,
  ]);
  const scripts = ['schema.sql', 'seed.sql'].map((file) => readFile(new URL(file, import.meta.url), 'utf8'));
  await execute({ ...administrator, user: name, password, database: name }, await Promise.all(scripts));
  return {
    password,
    parameters: {
      SHOP_DATABASE_HOST: administrator.host,
      SHOP_DATABASE_PORT: String(administrator.port),
      SHOP_DATABASE_NAME: name,
      SHOP_DATABASE_USER: name,
    },
  };
}

async function execute(connection: Administrator, statements: readonly string[]): Promise<void> {
  const { host, port, user, password, database } = connection;
  const client = new Client({ host, port, user, password, database });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
