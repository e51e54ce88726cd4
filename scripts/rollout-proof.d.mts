/** The generated tables of docs/rollout-proof.md. A row: its number, what it is about, and why it may have no test. */
export declare const tables: () => readonly {
  readonly name: string;
  readonly tag: string;
  readonly rows: readonly (readonly (number | string)[])[];
  readonly begin: string;
  readonly end: string;
  readonly table: string;
}[];
