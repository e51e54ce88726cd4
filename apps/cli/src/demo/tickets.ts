/** A ticket and the topic that is right for it. */
export interface DemoTicket {
  readonly text: string;
  readonly expected: 'billing' | 'access' | 'bug' | 'question';
}

/** Tickets that the first version of the example's agent gets right. */
export const demoTickets: readonly DemoTicket[] = [
  { text: 'I was charged twice this month, one is a refund please.', expected: 'billing' },
  { text: 'My invoice shows another company.', expected: 'billing' },
  { text: 'I am locked out since this morning.', expected: 'access' },
  { text: 'My new password is refused on both of my machines.', expected: 'access' },
  { text: 'Export ends in a crash on large projects.', expected: 'bug' },
  { text: 'An error appears whenever I save.', expected: 'bug' },
  { text: 'Do you have a dark mode?', expected: 'question' },
  { text: 'How many people can one team have?', expected: 'question' },
];
