//! Which lists an export has: what each is, the records of the store that it comes from, and how long those are kept.
//!
//! This is the one place that says so. A new kind of record of people gets a line here, and a list in `document.rs`;
//! `tests/export.rs` fails as long as a person has a record that no line names.

use serde::Serialize;
use utoipa::ToSchema;

/// A list of an export.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ExportSection)]
pub(in crate::http) struct Section {
    /// Where it stands, as a JSON pointer.
    pub(super) path: &'static str,
    /// The beginnings of the keys of the records that it comes from; none where it comes from the log or is computed.
    pub(super) records: &'static [&'static str],
    /// What it is.
    pub(super) what_en: &'static str,
    /// The same in Korean.
    pub(super) what_ko: &'static str,
    /// How long it is kept.
    pub(super) kept_en: &'static str,
    /// The same in Korean.
    pub(super) kept_ko: &'static str,
}

const KNOWN_EN: &str = "As long as you are known; it is the proof of what you agreed to.";
const KNOWN_KO: &str = "이용자로 등록되어 있는 동안 보관합니다. 동의 사실의 증빙입니다.";
const CONSENTED_EN: &str = "While you consent to the purpose.";
const CONSENTED_KO: &str = "해당 목적에 동의하는 동안 보관합니다.";
const BODIES_EN: &str =
    "The row for good; what it says until `details_kept_days` have passed, by whole months.";
const BODIES_KO: &str =
    "행 자체는 계속 남고, 그 내용은 `details_kept_days`일이 지난 뒤 월 단위로 삭제합니다.";

/// The lists.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        path: "/provided/consents",
        records: &["s/"],
        what_en: "Where you stand for each purpose.",
        what_ko: "목적별 현재 동의 상태입니다.",
        kept_en: KNOWN_EN,
        kept_ko: KNOWN_KO,
    },
    Section {
        path: "/provided/acts",
        records: &["e/"],
        what_en: "What you or an app on your behalf did, with notices and receipts.",
        what_ko: "직접 또는 앱을 통해 한 행위와 그때의 고지, 영수증입니다.",
        kept_en: KNOWN_EN,
        kept_ko: KNOWN_KO,
    },
    Section {
        path: "/provided/rules",
        records: &["s/"],
        what_en: "Rules that you set.",
        what_ko: "직접 정한 규칙입니다.",
        kept_en: "Until you change them.",
        kept_ko: "직접 바꿀 때까지 보관합니다.",
    },
    Section {
        path: "/provided/ids",
        records: &["s/"],
        what_en: "The ids that you are known by. The ids themselves are not held.",
        what_ko: "연결된 식별자 목록입니다. 식별자 값 자체는 보관하지 않습니다.",
        kept_en: "Until the link is taken back.",
        kept_ko: "연결을 해제할 때까지 보관합니다.",
    },
    Section {
        path: "/provided/requests",
        records: &["rq/"],
        what_en: "What you asked for by right, in your words, and what you were answered.",
        what_ko: "권리 행사로 요청한 내용과 그에 대한 답변입니다.",
        kept_en: "As long as you are known.",
        kept_ko: "이용자로 등록되어 있는 동안 보관합니다.",
    },
    Section {
        path: "/observed/meetings",
        records: &["d/"],
        what_en: "Items that you met, for the popular list.",
        what_ko: "인기 목록을 위해 기록한, 접한 상품입니다.",
        kept_en: "30 days by the time of the event, or less if a rule of yours says so.",
        kept_ko: "해당 시점부터 30일, 규칙으로 정했다면 더 짧게 보관합니다.",
    },
    Section {
        path: "/observed/told",
        records: &["d/"],
        what_en: "Events as a model inside the gateway was told them.",
        what_ko: "게이트웨이 안의 모델에 전달한 이벤트입니다.",
        kept_en: CONSENTED_EN,
        kept_ko: CONSENTED_KO,
    },
    Section {
        path: "/observed/decisions",
        records: &[],
        what_en: "Decisions on calls about you, with the very bytes that left, as far as kept.",
        what_ko: "귀하에 관한 결정과, 보관된 범위에서 실제로 나간 데이터입니다.",
        kept_en: BODIES_EN,
        kept_ko: BODIES_KO,
    },
    Section {
        path: "/derived/tastes",
        records: &["d/"],
        what_en: "The tags of what you met, with weights by day.",
        what_ko: "접한 상품의 태그와 날짜별 가중치입니다.",
        kept_en: CONSENTED_EN,
        kept_ko: CONSENTED_KO,
    },
    Section {
        path: "/derived/mutes_met",
        records: &["m/"],
        what_en: "How many muted items were proposed.",
        what_ko: "숨김 처리한 상품이 제안된 횟수입니다.",
        kept_en: "As long as you are known; a change of mutes begins it anew.",
        kept_ko: "이용자로 등록되어 있는 동안 보관하며, 숨김을 바꾸면 새로 셉니다.",
    },
    Section {
        path: "/derived/pseudonyms",
        records: &["s/"],
        what_en: "What recipients may know you by; computed from your key, kept nowhere.",
        what_ko: "수신자가 귀하를 구분하는 가명입니다. 저장하지 않고 계산합니다.",
        kept_en: "Not kept. Their numbers are kept as long as you are known.",
        kept_ko: "저장하지 않습니다. 순번만 등록되어 있는 동안 보관합니다.",
    },
    Section {
        path: "/derived/resets",
        records: &["s/"],
        what_en: "Resets that can still be undone.",
        what_ko: "아직 되돌릴 수 있는 초기화입니다.",
        kept_en: "Until the window closes.",
        kept_ko: "되돌릴 수 있는 기간이 끝날 때까지 보관합니다.",
    },
    Section {
        path: "/derived/deletions_owed",
        records: &["q/"],
        what_en: "Deletions that recipients owe.",
        what_ko: "수신자가 아직 이행하지 않은 삭제입니다.",
        kept_en: "Until the recipient confirms, 30 days at most.",
        kept_ko: "수신자가 확인할 때까지, 최대 30일 보관합니다.",
    },
    Section {
        path: "/log/rows",
        records: &[],
        what_en: "Your rows of the log, each with what opens it and a proof.",
        what_ko: "감사 로그에서 귀하에 관한 행과, 이를 여는 값, 증명입니다.",
        kept_en: BODIES_EN,
        kept_ko: BODIES_KO,
    },
];

/// Records about a person that are not handed out.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ExportNotTold)]
pub(in crate::http) struct NotTold {
    /// The beginning of their keys.
    records: &'static str,
    /// What they are, and why they are not handed out.
    why_en: &'static str,
    /// The same in Korean.
    why_ko: &'static str,
}

/// The records about a person that are not handed out.
pub(super) const NOT_TOLD: &[NotTold] = &[
    NotTold {
        records: "k/",
        why_en: "Your key, wrapped. Handed out, it would open every later record of yours.",
        why_ko: "암호화된 귀하의 키입니다. 내보내면 이후의 모든 기록을 열 수 있게 됩니다.",
    },
    NotTold {
        records: "h/",
        why_en: "A keyed hash of your id, which finds your records. It says nothing else.",
        why_ko: "귀하의 기록을 찾기 위한 식별자의 해시입니다. 그 밖의 내용은 없습니다.",
    },
    NotTold {
        records: "y/",
        why_en: "What a repeated call is told, for 24 hours: which act it was or how many events were used.",
        why_ko: "같은 호출이 반복될 때의 응답을 24시간 보관한 것으로, 행위의 순번이나 사용된 이벤트 수입니다.",
    },
];
