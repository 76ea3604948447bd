/** Why a server does not start; what it says ends with what to do. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
}
