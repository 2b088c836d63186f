/** The facts that a source may vouch for, as `identity` in domicile.yaml names them. */
export const FACTS = ['tenant', 'classification', 'subject', 'user'] as const;
export type Fact = (typeof FACTS)[number];

/**
 * What a token or a certificate says of who sends a request. Null: it does not say. Values as they stand there: whether
 * they are valid is for `readClaims` to judge, as with a header.
 */
export type Verified = Readonly<Record<Fact, string | null>>;

/** Neither a token nor a certificate says anything. Known by its identity: one without facts is still somebody's. */
export const NOBODY: Verified = Object.freeze({ tenant: null, classification: null, subject: null, user: null });
