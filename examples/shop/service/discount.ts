/** What of a voucher's row decides its discount. */
export interface Voucher {
  readonly code: string;
  readonly percent: number;
}

/** The columns that `discountCents` needs. */
export const VOUCHER_COLUMNS = 'code, percent';

/** What a voucher takes off a basket, in whole cents, rounded in the shop's favour. */
export function discountCents(sumCents: number, voucher: Voucher | null): number {
  return voucher === null ? 0 : Math.floor((sumCents * voucher.percent) / 100);
}
