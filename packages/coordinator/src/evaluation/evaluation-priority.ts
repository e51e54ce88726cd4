/** Of evaluation runs, and of no other: below the lowest that a request may ask for. */
export const evaluationPriority = -1_000_001;
