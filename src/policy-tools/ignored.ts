/** Has OPA leave out hidden files and folders, such as `.git`, but not a folder that is given as `.` or `..`. */
export const WITHOUT_HIDDEN = ['--ignore', '.[^.]*'] as const

/** Has OPA leave out what a bundle does not hold. */
export const WITHOUT_TESTS = [...WITHOUT_HIDDEN, '--ignore', '*_test.rego'] as const
