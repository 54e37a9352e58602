//! What a person can do about an answer: each way as the very call that does it.
//!
//! A list of one's own rules replaces the one before, so each call holds what is set already.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{super::language::Tongue, story::Story};
use crate::{
    consent::Standing,
    domain::{CategoryId, ItemId, PurposeId, Tier, Timestamp},
};

/// A way to change such answers.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnWay {
    /// `mute_item`, `category_off`, `less_diversity`, `refuse_automated_decision` or `withdraw`.
    action: &'static str,
    /// The call that does it, with your own token.
    method: &'static str,
    /// Its path.
    path: &'static str,
    /// Its body.
    #[schema(value_type = Object)]
    body: Value,
    /// What it does.
    text: String,
}

impl OwnWay {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn rule(action: &'static str, body: Value, text: String) -> Self {
        Self { action, method: "PATCH", path: "/v1/me/rules", body, text }
    }
}

/// What is open to a person after an answer.
pub(super) struct Ways<'a> {
    pub(super) story: &'a Story<'a>,
    pub(super) standing: &'a Standing,
    pub(super) now: Timestamp,
}

impl Ways<'_> {
    /// All ways; to mute where one item is asked about.
    pub(super) fn all(&self, item: Option<&ItemId>) -> Vec<OwnWay> {
        let tongue = Tongue::of(self.story.language);
        let mut ways = Vec::new();
        ways.extend(item.and_then(|item| self.mute(item, tongue)));
        ways.extend(self.categories_off(tongue));
        ways.extend(self.less_diversity(tongue));
        ways.extend(self.refuse(tongue));
        ways.extend(self.withdraw(tongue));
        ways
    }

    fn mute(&self, item: &ItemId, tongue: Tongue) -> Option<OwnWay> {
        let muted = &self.standing.rules.muted_items;
        if muted.contains(item) {
            return None;
        }
        let all: Vec<&ItemId> = muted.iter().chain([item]).collect();
        let text = tongue.pick("Mute this item.", "이 상품을 숨길 수 있습니다.");
        Some(OwnWay::rule("mute_item", json!({"mutes": {"items": all}}), text.to_owned()))
    }

    fn categories_off(&self, tongue: Tongue) -> Vec<OwnWay> {
        let off = &self.standing.rules.categories_off;
        let used = self.story.used();
        let on = used.iter().filter(|used| !off.contains(used.category()));
        let way = |used: &super::OwnUsed| {
            let all: Vec<&CategoryId> = off.iter().chain([used.category()]).collect();
            let title = used.title();
            let text = tongue.pick(
                format!("Switch off the use of \u{201c}{title}\u{201d}."),
                format!("\u{2018}{title}\u{2019} 정보를 쓰지 않게 할 수 있습니다."),
            );
            OwnWay::rule("category_off", json!({"categories_off": all}), text)
        };
        on.map(way).collect()
    }

    fn less_diversity(&self, tongue: Tongue) -> Option<OwnWay> {
        let moved = self.story.answer().and_then(|answer| answer.moved).unwrap_or_default();
        let text =
            tongue.pick("Switch re-ranking for diversity off.", "다양성 조정을 끌 수 있습니다.");
        (moved > 0).then(|| OwnWay::rule("less_diversity", json!({"dial": 0}), text.to_owned()))
    }

    /// Refusing automated decisions (PIPA 37-2(1)) takes effect at once: lists are then the same for everybody.
    fn refuse(&self, tongue: Tongue) -> Option<OwnWay> {
        let text = tongue.pick(
            "Refuse automated decisions about you: you then see what everybody sees.",
            "자동화된 결정을 거부할 수 있으며, 거부하시면 모두에게 똑같은 목록이 보입니다.",
        );
        let body = json!({"cap": "none"});
        let open = self.standing.rules.cap != Tier::None;
        open.then(|| OwnWay::rule("refuse_automated_decision", body, text.to_owned()))
    }

    fn withdraw(&self, tongue: Tongue) -> Option<OwnWay> {
        let purpose = PurposeId::parse(&self.story.decision.purpose).ok()?;
        self.standing.purpose(&purpose)?.consent.in_force(self.now)?;
        let title = self.story.purpose_title().unwrap_or_else(|| purpose.to_string());
        let text = tongue.pick(
            format!("Withdraw your consent to \u{201c}{title}\u{201d}."),
            format!("\u{2018}{title}\u{2019} 동의를 철회할 수 있습니다."),
        );
        let body = json!({"purpose": purpose, "action": "withdraw", "method": "app"});
        Some(OwnWay { action: "withdraw", method: "POST", path: "/v1/consents", body, text })
    }
}
