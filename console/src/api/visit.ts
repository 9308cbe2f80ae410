// visit.ts — what the page holds of one user ends with his session: results, questions, unsaved secrets.

const endings: (() => void)[] = [];

/** `work` runs whenever a session has ended, before the sign-in form shows. */
export function atEnd(work: () => void): void {
  endings.push(work);
}

export function endVisit(): void {
  for (const work of endings) work();
}
