//! The closed list of problems. Each has a page at its `type`, and the OpenAPI document lists them all.

use http::StatusCode;

/// What a reader needs to know about one kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemPage {
    /// The last part of its `type`.
    pub slug: &'static str,
    /// The same words in each answer of this kind.
    pub title: &'static str,
    /// When it happens and what to do about it.
    pub advice: &'static str,
    /// The members beyond those of RFC 9457, with what they mean.
    pub members: &'static [(&'static str, &'static str)],
}

macro_rules! problems {
    ($($name:ident $status:ident $slug:literal $title:literal $advice:literal [$($member:literal: $meaning:literal),*])*) => {
        /// Each kind of problem that an answer can state. The slugs are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $(
                #[doc = $title]
                $name,
            )*
        }

        impl ProblemKind {
            /// All kinds, in the order of their pages.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The status of an answer of this kind.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Its page.
            #[must_use]
            pub const fn page(self) -> ProblemPage {
                match self {
                    $(Self::$name => ProblemPage {
                        slug: $slug,
                        title: $title,
                        advice: $advice,
                        members: &[$(($member, $meaning)),*],
                    },)*
                }
            }
        }
    };
}

problems! {
    MissingToken UNAUTHORIZED "missing-token" "The call carries no token"
        "Send the header `Authorization: Bearer TOKEN`."
        ["reason": "always missing_token"]
    InvalidToken UNAUTHORIZED "invalid-token" "The token is not accepted"
        "The reason says which check failed: malformed, missing_claim, wrong_algorithm, unknown_key, bad_signature, expired, not_yet_valid, wrong_audience, wrong_issuer, wrong_tenant, unknown_app, mixed_scopes or revoked. Ask your issuer for a new token, or compare the gateway's [auth] settings with the issuer's."
        ["reason": "which check failed"]
    WrongScope FORBIDDEN "wrong-scope" "The token does not allow this call"
        "Ask for a token whose `scope` holds the needed one. An app's token is cut to the scopes that the app is registered for."
        ["reason": "always wrong_scope", "needed": "the scope that the call needs"]
    AppOff FORBIDDEN "app-off" "The app is switched off"
        "The gateway's operator has switched this app off. Its tokens are good again when the operator switches it on; repeating the call before does not help."
        ["reason": "always app_off"]
    PurposeNotRegistered FORBIDDEN "purpose-not-registered" "The app is not registered for this purpose"
        "An app may use only the purposes that its registration in the gateway's settings names."
        ["registered": "the purposes that the app may use"]
    NotYours FORBIDDEN "not-yours" "The call is about somebody else"
        "A person's own token speaks for that person alone: leave `subject` out."
        []
    NotFound NOT_FOUND "not-found" "There is nothing at this path"
        "The paths are listed at /docs and in /openapi.json."
        []
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "This path has no such method"
        "The header `Allow` lists the methods that the path has."
        []
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "The call has no form that `Accept` allows"
        "Leave the header `Accept` out, or name one of the forms that the call has."
        ["available": "the media types that the call has"]
    RequestConflict CONFLICT "request-conflict" "The request does not stand so that this follows"
        "A request that is closed is not answered, put off or taken back again; one that nobody confirmed is not completed; its law gives no further extension, or not for this reason."
        ["state": "how the request stands, where that is why"]
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body has another type than this call takes"
        "Send the header `Content-Type` that the call asks for; its text is UTF-8."
        ["expected": "the media type that the call takes"]
    BodyTooLarge PAYLOAD_TOO_LARGE "body-too-large" "The body is larger than this call takes"
        "Send less at a time, or use the call's batch form."
        ["limit": "the largest body in bytes"]
    BodyTimeout REQUEST_TIMEOUT "body-timeout" "The body did not arrive in time"
        "Send the whole body without pauses."
        []
    BodyInterrupted BAD_REQUEST "body-interrupted" "The body ended before it was complete"
        "The connection closed, or the body was shorter than announced."
        []
    NotUtf8 BAD_REQUEST "not-utf8" "The body is not UTF-8"
        "JSON between systems is UTF-8 (RFC 8259, section 8.1)."
        ["offset": "the first byte that is not UTF-8"]
    NotJson BAD_REQUEST "not-json" "The body is not JSON"
        "The line and the column say where reading stopped."
        ["line": "from 1", "column": "from 1, in bytes"]
    TooDeep BAD_REQUEST "too-deep" "The body is nested too deeply"
        "No call needs objects and arrays inside each other beyond the limit."
        ["limit": "the deepest nesting"]
    InvalidBody UNPROCESSABLE_ENTITY "invalid-body" "The body does not have the form that this call takes"
        "Each entry of `errors` points at one place by JSON pointer (RFC 6901) and says what would be right there. Values that were sent are not repeated."
        ["errors": "the places: pointer, detail and, where known, line, column and allowed"]
    InvalidParameter BAD_REQUEST "invalid-parameter" "A query parameter or header is not as this call takes it"
        "The name says which one."
        ["name": "the parameter or header", "known": "the names or words that there are, where they are a closed list"]
    UnknownPurpose UNPROCESSABLE_ENTITY "unknown-purpose" "There is no such purpose"
        "Purposes are those of the catalogue in force; GET /v1/purposes lists them."
        ["known": "the purposes in force"]
    UnknownDecision NOT_FOUND "unknown-decision" "No such decision about you is known"
        "Send the `recommendation_id` of an answer that was made for you, or its `log` as it was. Other people's decisions are not told apart from those that never were."
        []
    UnknownCategory UNPROCESSABLE_ENTITY "unknown-category" "There is no such data category"
        "The keys of `context` and the entries of `categories` are data categories of the catalogue in force."
        ["known": "the categories in force"]
    NoticeRequired UNPROCESSABLE_ENTITY "notice-required" "Consent is given to a notice, and none was named"
        "Show the notice that GET /v1/purposes returns and send its `snapshot` along."
        []
    NoticeInvalid UNPROCESSABLE_ENTITY "notice-invalid" "The notice's snapshot is not one of ours"
        "Send the `snapshot` exactly as GET /v1/purposes returned it for this purpose."
        []
    NoticeOutdated CONFLICT "notice-outdated" "The notice has changed since it was shown"
        "Show the notice that GET /v1/purposes returns now and ask again."
        []
    ConsentConflict CONFLICT "consent-conflict" "The act does not follow from where the consent stands"
        "The reason says why: nothing_given (there is nothing to withdraw), not_due (it has not ended yet), required_purpose (the purpose rests on a contract or a law, so no consent is asked) or suppressed (the person was erased and asked not to come back; only giving anew brings them back)."
        ["reason": "why the act does not follow"]
    LinkConflict CONFLICT "link-conflict" "The two ids cannot be linked, or are not"
        "The detail says why. An id belongs to one person: take a link back with POST /v1/links/remove before the id is linked to another."
        []
    GuardianConflict CONFLICT "guardian-conflict" "Nobody can act for this person so"
        "A guardian acts for a child under 14 whose birthday is known, and only once their relation was verified."
        []
    NothingHeld CONFLICT "nothing-held" "Nothing is held of the person"
        "The gateway knows nobody by this id, so there is nothing to reset or forget. Nothing was changed."
        []
    NothingToUndo CONFLICT "nothing-to-undo" "There is no reset that can be undone"
        "The reason says why: no_reset (there was none, or it was undone) or window_closed (its time is over, and what was left behind is deleted or about to be). GET /v1/me/rules tells until when a reset can be undone."
        ["reason": "why there is nothing to undo", "closed_at": "when the last window closed"]
    Contended CONFLICT "contended" "Others changed the same record at the same time"
        "Nothing was changed. Repeat the call."
        []
    OutOfStep CONFLICT "out-of-step" "The chunk does not begin where the import stands"
        "Go on from the row that `rows` names, or begin anew with `from=0`. Another run of the same import may be under way."
        ["rows": "how many rows of the import were taken"]
    PolicyRefused UNPROCESSABLE_ENTITY "policy-refused" "The policies cannot be put in force"
        "Nothing was changed. The members say what stands against them; `consentry policy check DIR` tells the same before they are sent. Consents that name what the policies no longer have need a [migration] that says what becomes of them."
        ["flaws": "what is wrong in the files: file, line, column and reason", "failed": "the cases that come to something else", "breaches": "the promises that are broken", "people": "how many people's consents name what is gone"]
    NoModel CONFLICT "no-model" "No model serves this purpose"
        "Calls for this purpose are answered from what is popular and nothing leaves, so there is nothing to preview. The operator's settings name the purposes of each model."
        []
    IdempotencyConflict CONFLICT "idempotency-conflict" "A call with this idempotency key is under way"
        "Repeat the call after `Retry-After`: it gets the answer of the first one."
        []
    IdempotencyMismatch UNPROCESSABLE_ENTITY "idempotency-mismatch" "The idempotency key was used for another call"
        "Use a new key for a new call; repeat a call with the same body under the same key."
        []
    TooManyRequests TOO_MANY_REQUESTS "too-many-requests" "The app calls more often than it may"
        "Wait for as long as `Retry-After` says. `RateLimit-Policy` is what the operator allows the app: `q` calls at once, and as many again in each `w` seconds."
        []
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The gateway has no room for one more call"
        "Nothing was done. Repeat the call after `Retry-After`, and keep connections open between calls."
        []
    TimedOut SERVICE_UNAVAILABLE "timed-out" "The call took longer than a call may take"
        "What the call recorded until then stands: ask where it stands, or repeat it under the same `Idempotency-Key`."
        []
    PlainHttp BAD_REQUEST "plain-http" "This address speaks TLS"
        "Use https."
        []
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The gateway cannot record this now"
        "What must be recorded to count is refused rather than lost. Repeat the call after `Retry-After`."
        []
    Internal INTERNAL_SERVER_ERROR "internal" "Something failed inside the gateway"
        "The call was not completed. The operator's log has the cause under the same time."
        []
}
