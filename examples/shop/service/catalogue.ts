export interface Product {
  readonly id: number;
  readonly name: string;
  readonly priceCents: number;
}

/** The catalogue as it is shown, by product number. */
export function presentCatalogue(products: readonly Product[]): { readonly products: readonly Product[] } {
  return { products: [...products].sort((left, right) => left.id - right.id) };
}
