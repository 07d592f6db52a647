/** What Redis says to a user who may not call a command, and a provider's Redis that has taken the command away. */
const REFUSED = /\bNOPERM\b|unknown (sub)?command|user has no permissions/i

/** The answer of a command that not every user may call; undefined when Redis refuses it. @throws any other error */
export async function unlessRefused<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && REFUSED.test(error.message)) return undefined
    throw error
  }
}
