export interface Product {
  readonly id: number;
  readonly name: string;
  readonly priceCents: number;
}

/** The catalogue as it is shown, by product number, with how many there are. */
export function presentCatalogue(products: readonly Product[]): {
  readonly products: readonly Product[];
  readonly count: number;
} {
  return { products: [...products].sort((left, right) => left.id - right.id), count: products.length };
}
