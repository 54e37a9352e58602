//! What people are told of codes: reasons, outcomes and sources, in plain English and Korean.
//!
//! Each text stands beside its other language, so that neither can be forgotten; a test holds the list of reasons to the
//! closed one. Korean particles follow fixed words only, so no name that is filled in can make them wrong.

use super::language::Tongue;
use crate::rights::Outcome;

/// What a reason code says; the code itself where it is none of this release.
pub(super) fn reason(code: &str, tongue: Tongue) -> &str {
    reason_texts(code).map_or(code, |(en, ko)| tongue.pick(en, ko))
}

fn reason_texts(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "consented" => ("You agreed to it.", "동의하셨습니다."),
        "required_purpose" => (
            "The service cannot be given without it, so no consent is asked.",
            "서비스를 제공하는 데 꼭 필요하여 따로 동의를 받지 않습니다.",
        ),
        "not_personal" => ("It is not about you.", "개인에 관한 정보가 아닙니다."),
        "coarse_only" => {
            ("You agreed to a less exact form only.", "대략적인 형태로만 쓰는 데 동의하셨습니다.")
        }
        "policy_error" => (
            "The rules could not be applied, so nothing was allowed.",
            "정책을 적용할 수 없어 아무것도 허용하지 않았습니다.",
        ),
        "purpose_not_registered" => (
            "The app may not use data for this purpose.",
            "이 앱은 이 목적으로 정보를 이용할 수 없습니다.",
        ),
        "not_in_purpose" => (
            "This purpose may not use this kind of data.",
            "이 목적에는 이 종류의 정보를 쓸 수 없습니다.",
        ),
        "under_14" => (
            "For somebody under 14, a guardian must agree first.",
            "만 14세 미만이면 먼저 법정대리인의 동의가 필요합니다.",
        ),
        "withdrawn" => ("You withdrew your consent.", "동의를 철회하셨습니다."),
        "refused" => ("You refused.", "동의를 거부하셨습니다."),
        "expired" => ("Your consent has ended.", "동의 기간이 끝났습니다."),
        "notice_outdated" => (
            "What you agreed to has changed since, so you must be asked anew.",
            "동의하신 내용이 그 뒤에 바뀌어 다시 동의를 받아야 합니다.",
        ),
        "not_consented" => ("You have not agreed to it.", "동의하지 않으셨습니다."),
        "sensitive_not_consented" => (
            "It is sensitive and needs a consent of its own, which you have not given.",
            "민감정보라서 별도의 동의가 필요한데, 그 동의를 하지 않으셨습니다.",
        ),
        "gpc" => (
            "Your browser or app objected for you (Global Privacy Control).",
            "브라우저나 앱이 거부 신호(Global Privacy Control)를 보냈습니다.",
        ),
        "paused" => {
            ("You have paused the use of your data.", "이용을 잠시 멈추도록 설정하셨습니다.")
        }
        "capped" => {
            ("You allow less personal answers only.", "개인화 수준을 더 낮게 설정하셨습니다.")
        }
        "category_off" => {
            ("You switched this kind of data off.", "이 종류의 정보를 쓰지 않도록 설정하셨습니다.")
        }
        "night" => ("At night it is closed.", "야간에는 이용하지 않습니다."),
        "no_coarse_form" => (
            "You agreed to a less exact form only, and there is none.",
            "대략적인 형태로만 동의하셨는데, 이 정보에는 그런 형태가 없습니다.",
        ),
        "tier_none" => (
            "Nothing about you leaves at the level of this answer.",
            "이 답변의 수준에서는 개인에 관한 정보가 나가지 않습니다.",
        ),
        "operator_rule" => {
            ("The operator does not allow it.", "운영자의 규칙이 허용하지 않습니다.")
        }
        "no_policy" => ("No rule allows it.", "이를 허용하는 정책이 없습니다."),
        "not_taken" => (
            "The recipient has no use for it, so it was not sent.",
            "받는 쪽에서 쓰지 않는 정보라서 보내지 않았습니다.",
        ),
        _ => return None,
    })
}

/// How a decision ended.
pub(super) fn outcome(outcome: Outcome, tongue: Tongue) -> &'static str {
    match outcome {
        Outcome::Answered => tongue.pick("The app was answered.", "앱에 답을 보냈습니다."),
        Outcome::Told => tongue
            .pick("What you did was told to the recipient.", "이용 내역을 받는 쪽에 전달했습니다."),
        Outcome::Kept => tongue.pick(
            "What you did was kept here; nobody was told.",
            "이용 내역을 여기에만 보관했고 아무에게도 전달하지 않았습니다.",
        ),
        Outcome::NotSent => tongue
            .pick("It was taken back before anything left.", "아무것도 나가기 전에 취소했습니다."),
        Outcome::ThrownAway => tongue.pick(
            "It was taken back. Something may have left before; what came back was not used.",
            "취소했습니다. 그 전에 정보가 나갔을 수 있으나, 돌아온 답은 쓰지 않았습니다.",
        ),
        Outcome::Dropped => tongue.pick(
            "The details were deleted after their retention period.",
            "보관 기간이 지나 자세한 내용을 삭제했습니다.",
        ),
        Outcome::Unknown => tongue.pick(
            "It was recorded and may have been sent; how it ended is not recorded.",
            "기록되었고 전송되었을 수 있으나, 어떻게 끝났는지는 기록이 없습니다.",
        ),
    }
}

/// How much of the person an answer could use.
pub(super) fn tier(tier: &str, tongue: Tongue) -> &str {
    match tier {
        "individual" => tongue.pick("personal, under a pseudonym", "가명 개인화"),
        "cohort" => tongue.pick("by group", "집단 단위"),
        "none" => tongue.pick("not personal", "개인화하지 않음"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ReasonCode;

    #[test]
    fn every_reason_is_told_in_both_languages() {
        for code in ReasonCode::ALL {
            let (en, ko) = reason_texts(code.as_str()).unwrap();
            assert!(en.ends_with('.') && en.is_ascii(), "{en}");
            assert!(ko.ends_with("니다."), "{ko}");
        }
    }
}
