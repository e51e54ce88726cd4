export const rows: readonly (readonly [number, string, string, string, string?])[];
export const proofs: () => ReadonlyMap<number, ReadonlyMap<string, string>>;
export const table: () => string;
export const begin: string;
export const end: string;
