/** Number to the files whose tests are named with the tag and it, each with its tier. */
export declare const proofsOf: (tag: string) => Map<number, Map<string, string>>;
