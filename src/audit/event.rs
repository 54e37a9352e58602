//! What happened: the closed words of a leaf's `e`.

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What happened: the closed vocabulary of a leaf's `e`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event { $($(#[$doc])* $name,)* }

        impl Event {
            /// All events.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in the leaf.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

events! {
    /// A call was decided; its bytes leave after this row is durable.
    Decision = "decision",
    /// A decided call was answered: with which items, and why each.
    DecisionAnswered = "decision.answered",
    /// A decided call was not sent, or its answer was thrown away.
    DecisionVoid = "decision.void",
    /// Consent was given.
    ConsentGiven = "consent.given",
    /// Consent was refused.
    ConsentRefused = "consent.refused",
    /// Consent was withdrawn.
    ConsentWithdrawn = "consent.withdrawn",
    /// Consent ended by its own date.
    ConsentExpired = "consent.expired",
    /// Consents were carried over to the new names of purposes or categories.
    ConsentCarried = "consent.carried",
    /// A person set rules of their own.
    RulesChanged = "rights.rules",
    /// A person's rows were exported to them, and their audit epoch was closed.
    RightsExport = "rights.export",
    /// A person began anew: other pseudonyms, and nothing used that was held before.
    RightsReset = "rights.reset",
    /// A person went back to where they were before a reset.
    RightsResetUndone = "rights.reset_undone",
    /// The time in which a reset could be undone ran out.
    RightsResetClosed = "rights.reset_closed",
    /// What was held of a span of a person's time was forgotten.
    RightsForgotten = "rights.forgotten",
    /// What is known of a person was corrected.
    RightsCorrected = "rights.corrected",
    /// A person asked for something by right, or somebody did for them.
    RightsRequested = "rights.requested",
    /// Who a request speaks for was confirmed, and it is being worked on.
    RightsIdentified = "rights.identified",
    /// A request was answered.
    RightsAnswered = "rights.answered",
    /// A request is answered later, for a reason that the person is told.
    RightsExtended = "rights.extended",
    /// A request was taken back.
    RightsCancelled = "rights.cancelled",
    /// A person came to be known.
    SubjectCreated = "subject.created",
    /// A person came to be known by another id too.
    SubjectLinked = "subject.linked",
    /// A person is no longer known by another id.
    SubjectUnlinked = "subject.unlinked",
    /// A child got a guardian whose relation was verified.
    SubjectGuarded = "subject.guarded",
    /// A person has no guardian any more.
    SubjectUnguarded = "subject.unguarded",
    /// A person was erased: their key is destroyed.
    SubjectErased = "subject.erased",
    /// A recipient answered a deletion.
    ErasureRecipient = "erasure.recipient",
    /// Bodies past their retention were dropped.
    RetentionDropped = "retention.dropped",
    /// Another policy came into force.
    PolicyChanged = "policy.changed",
    /// A log began: the first of a shard's rows, unless there was none before.
    LogOpened = "log.opened",
    /// More words came into force under the same ruleset.
    LogVocabulary = "log.vocabulary",
    /// Calls were answered without a row while the journal was unavailable.
    AuditGap = "audit.gap",
    /// An operator brought over consents or items.
    OperatorImport = "operator.import",
    /// A view of the journal was rebuilt.
    StateRebuilt = "state.rebuilt",
    /// An operator switched an app or a recipient off or on.
    OperatorSwitched = "operator.switched",
    /// An operator revoked a token, or the tokens of a key from before a moment.
    OperatorTokenRevoked = "operator.token_revoked",
    /// The keys that tokens are verified with were read anew.
    OperatorKeysReloaded = "operator.keys_reloaded",
    /// An operator opened rows for somebody who may see them.
    OperatorOpened = "operator.opened",
    /// An operator held the rows against the keys of the people who are known.
    OperatorReconciled = "operator.reconciled",
    /// A backup was put in the place of the state, or the operator confirmed what came of it.
    StateRestored = "state.restored",
    /// A new key-encryption key came into use.
    KeyRotated = "key.rotated",
    /// The key-encryption key before it was destroyed: what was erased before the rotation is gone for good.
    KekDestroyed = "kek.destroyed",
    /// The operator had a backup taken.
    BackupTaken = "operator.backup",
    /// An auditor read.
    AuditorRead = "auditor.read",
}
