/** What of a voucher's row decides its discount. A campaign may ask for a minimum. */
export interface Voucher {
  readonly code: string;
  readonly percent: number;
  readonly campaign: { readonly name: string; readonly minimumCents: number };
}

/** The columns that `discountCents` needs. */
export const VOUCHER_COLUMNS = 'code, percent';

/** What a voucher takes off a basket, in whole cents; nothing below the minimum of its campaign. */
export function discountCents(sumCents: number, voucher: Voucher | null): number {
  if (voucher === null || sumCents < voucher.campaign.minimumCents) return 0;
  return Math.floor((sumCents * voucher.percent) / 100);
}
