//! What the log says of one answer, in plain words.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        decision::{self, OwnWithheld, category_title},
        language::Tongue,
        texts,
    },
    OwnWay,
};
use crate::{
    audit::{AnswerBody, ItemBody},
    domain::{CategoryId, ItemId},
    policy::{Catalogue, Rule},
    rights::{Came, Decision},
};

/// One answer and what is needed to word it.
pub(super) struct Story<'a> {
    pub(super) decision: &'a Decision,
    pub(super) catalogue: &'a Catalogue,
    /// The rules of the version that decided; none where that is not known any more.
    pub(super) rules: &'a [Rule],
    pub(super) language: &'a str,
}

/// An item with why it was in the answer.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnReasoned {
    /// Which.
    id: String,
    /// Its place in the answer, from 1.
    rank: usize,
    /// The score that it came with.
    #[schema(required)]
    score: Option<f64>,
    /// Where it came from: `model`, `diversity`, `bridge`, `popular` or `catalogue`.
    source: String,
    /// Whether re-ranking for diversity brought it into the list.
    moved_by_diversity: bool,
    /// What describes it.
    tags: Vec<String>,
    /// Why it was there.
    text: String,
}

/// A kind of data that was used.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnUsed {
    /// Which.
    #[schema(value_type = String)]
    category: CategoryId,
    /// Its title.
    title: String,
    /// The coarse form that it was used in; null for as it is.
    #[schema(required)]
    sent_as: Option<String>,
    /// How it relates to the answer.
    text: String,
}

impl OwnUsed {
    pub(super) fn category(&self) -> &CategoryId {
        &self.category
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }
}

/// A rule that decided.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OwnRule {
    /// Its name.
    id: String,
    /// What it stands for: a stable code; null where the version is not known any more, like the rest.
    #[schema(required)]
    reason: Option<&'static str>,
    /// What that says.
    #[schema(required)]
    text: Option<String>,
    /// The law behind it, if one is.
    #[schema(required)]
    law: Option<String>,
}

impl Story<'_> {
    fn tongue(&self) -> Tongue {
        Tongue::of(self.language)
    }

    pub(super) fn answer(&self) -> Option<&AnswerBody<'static>> {
        match &self.decision.came {
            Came::Answered { body, .. } => Some(body),
            Came::Void { .. } | Came::Nothing => None,
        }
    }

    pub(super) fn purpose_title(&self) -> Option<String> {
        decision::purpose_title(&self.decision.purpose, self.catalogue, self.language)
    }

    /// How personal the answer was; a fault makes it less than was decided.
    pub(super) fn tier(&self) -> &str {
        self.answer().map_or(&self.decision.tier, |answer| answer.tier.as_str())
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.answer().and_then(|answer| answer.fault.as_deref())
    }

    /// The items, or the one that is asked about.
    pub(super) fn items(&self, only: Option<&ItemId>) -> Vec<OwnReasoned> {
        let items = self.answer().map_or(&[] as &[_], |answer| &answer.items);
        let ranked = (1..).zip(items);
        let wanted = ranked.filter(|(_, ItemBody(id, ..))| only.is_none_or(|only| **id == *only));
        let told = wanted.map(|(rank, ItemBody(id, source, tags, score))| OwnReasoned {
            id: id.as_str().to_owned(),
            rank,
            score: *score,
            source: source.to_string(),
            moved_by_diversity: matches!(&**source, "diversity" | "bridge"),
            tags: tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            text: self.why(source).to_owned(),
        });
        told.collect()
    }

    fn why(&self, source: &str) -> &'static str {
        let (tongue, asked) = (self.tongue(), self.decision.recipient.is_some());
        match (source, asked, self.tier()) {
            ("model", true, "individual") => tongue.pick(
                "The recommendation model chose it, from what it was told under your pseudonym and from what came with this \
                 call.",
                "추천 모델이 가명으로 구분된 이력과 이번에 받은 정보를 바탕으로 고른 상품입니다.",
            ),
            ("model", true, _) => tongue.pick(
                "The recommendation model chose it without being told who asks.",
                "추천 모델이 누가 요청했는지 모르는 채로 고른 상품입니다.",
            ),
            ("model", false, _) => tongue.pick(
                "The app itself proposed it and ranked it here.",
                "앱이 직접 후보로 보냈고, 앱이 매긴 순위에 따라 들어간 상품입니다.",
            ),
            ("diversity", ..) => tongue.pick(
                "Re-ranking brought it up among the proposed items, so that the list is not all alike.",
                "비슷한 상품만 이어지지 않도록 후보 가운데에서 다양성 조정으로 올린 상품입니다.",
            ),
            ("bridge", ..) => tongue.pick(
                "Re-ranking brought it up among the proposed items to show you something other than what you usually meet.",
                "평소 접하시는 것과 다른 상품도 보여 드리려고 후보 가운데에서 다양성 조정으로 올린 상품입니다.",
            ),
            ("popular", ..) => tongue.pick(
                "It is popular with many people. Nothing about you was used to choose it.",
                "많은 사람이 찾는 인기 상품입니다. 이 상품을 고르는 데 개인정보는 쓰이지 않았습니다.",
            ),
            ("catalogue", ..) => tongue.pick(
                "It fills up the list from the operator's catalogue. Nothing about you was used to choose it.",
                "빈자리를 채우려고 운영자의 상품 목록에서 가져온 상품입니다. 이 상품을 고르는 데 개인정보는 쓰이지 않았습니다.",
            ),
            _ => tongue.pick("Its source is not known here.", "출처를 확인할 수 없는 상품입니다."),
        }
    }

    /// The kinds of data that were used. What left counts even where the answer was then made without the model.
    pub(super) fn used(&self) -> Vec<OwnUsed> {
        let mut used: Vec<CategoryId> = self.answer().map_or(Vec::new(), |a| a.used.to_vec());
        if self.decision.disclosed() {
            let left = self.decision.body.iter().flat_map(|body| body.used.iter());
            for category in left {
                if !used.contains(category) {
                    used.push(category.clone());
                }
            }
        }
        let tell = |category: CategoryId| {
            let title = category_title(&category, self.catalogue, self.language);
            let sent_as = self.coarse_form(&category);
            let text = self.relation(&category, &title, sent_as.as_deref());
            OwnUsed { category, title, sent_as, text }
        };
        used.into_iter().map(tell).collect()
    }

    fn coarse_form(&self, category: &CategoryId) -> Option<String> {
        let body = self.decision.body.as_ref()?;
        let coarse = body.withheld.iter().find(|withheld| withheld.category == *category)?;
        coarse.sent_as.as_deref().map(str::to_owned)
    }

    fn relation(&self, category: &CategoryId, title: &str, sent_as: Option<&str>) -> String {
        let tongue = self.tongue();
        let effect = self.answer().and_then(|answer| answer.effect);
        let calibrated = effect.is_some_and(|effect| effect.calibration.is_some());
        match (category.as_str(), sent_as) {
            ("activity", _) => {
                let model = tongue.pick(
                    "The model chooses from what it was told of this under your pseudonym.",
                    "모델은 가명으로 받아 둔 이 내역을 바탕으로 후보를 고릅니다.",
                );
                let own = tongue.pick(
                    "The gateway compared the list with the mixture of what you usually meet.",
                    "게이트웨이는 평소 접하시는 상품의 비중과 목록을 견주어 보았습니다.",
                );
                let asked = self.decision.recipient.is_some();
                let parts = [asked.then_some(model), calibrated.then_some(own)];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            ("seed_items", _) => tongue
                .pick(
                    "They were sent to the model, so that it finds items that go with them.",
                    "어울리는 상품을 찾도록 모델에 전달했습니다.",
                )
                .to_owned(),
            (_, Some(form)) => tongue.pick(
                format!("\u{201c}{title}\u{201d} was sent to the model in a less exact form only ({form}), as one more thing to choose by."),
                format!("\u{2018}{title}\u{2019} 정보는 대략적인 형태({form})로 바꾸어 모델에 전달했고, 상품을 고를 때 참고하도록 했습니다."),
            ),
            (_, None) => tongue.pick(
                format!("\u{201c}{title}\u{201d} was sent to the model, as one more thing to choose by."),
                format!("\u{2018}{title}\u{2019} 정보는 모델에 전달했고, 상품을 고를 때 참고하도록 했습니다."),
            ),
        }
    }

    pub(super) fn withheld(&self) -> Vec<OwnWithheld> {
        let body = self.decision.body.as_ref();
        body.map(|body| decision::withheld(body, self.catalogue, self.language)).unwrap_or_default()
    }

    pub(super) fn rules(&self) -> Vec<OwnRule> {
        let policies = self.decision.body.iter().flat_map(|body| &body.policies);
        let tell = |id: &std::borrow::Cow<'static, str>| {
            let rule = self.rules.iter().find(|rule| rule.id == **id);
            let reason = rule.map(|rule| rule.reason.as_str());
            OwnRule {
                id: id.to_string(),
                reason,
                text: reason.map(|reason| texts::reason(reason, self.tongue()).to_owned()),
                law: rule.and_then(|rule| rule.law.clone()),
            }
        };
        policies.map(tell).collect()
    }

    /// What was considered, step by step.
    pub(super) fn procedure(&self) -> Vec<String> {
        let tongue = self.tongue();
        let Some(answer) = self.answer() else {
            return vec![texts::outcome(self.decision.outcome(), tongue).to_owned()];
        };
        let reason = texts::reason(&self.decision.reason, tongue);
        let tier = texts::tier(&self.decision.tier, tongue);
        let mut steps = vec![tongue.pick(
            format!("Your consents and the rules in force were checked. Level: {tier}. {reason}"),
            format!("동의 상태와 정책을 확인했습니다. 개인화 수준: {tier}. {reason}"),
        )];
        steps.extend(self.asking());
        steps.push(
            tongue
                .pick(
                    "What you muted, and what the app asked to leave out, was removed.",
                    "숨기신 상품과 태그, 앱이 빼 달라고 한 상품을 제외했습니다.",
                )
                .to_owned(),
        );
        steps.extend(Self::ranking(answer, tongue));
        steps
    }

    /// What became of the candidates.
    fn ranking(answer: &AnswerBody<'_>, tongue: Tongue) -> Vec<String> {
        let mut steps = Vec::new();
        if let Some(moved) = answer.moved {
            let strength = answer.effect.map_or(String::new(), |e| format!("{:.2}", e.strength));
            let none = (
                "Re-ranking for diversity changed no item.",
                "다양성 조정으로 바뀐 상품은 없습니다.",
            );
            steps.push(if moved == 0 {
                tongue.pick(none.0, none.1).to_owned()
            } else {
                tongue.pick(
                    format!(
                        "Re-ranking for diversity (strength {strength}) brought up {moved} items."
                    ),
                    format!("다양성 조정(강도 {strength})으로 상품 {moved}개를 올렸습니다."),
                )
            });
        }
        let fills =
            |ItemBody(_, source, ..): &&ItemBody<'_>| matches!(&**source, "popular" | "catalogue");
        let filled = answer.items.iter().filter(fills).count();
        if filled > 0 {
            steps.push(tongue.pick(
                format!(
                    "{filled} places were filled from the list that is the same for everybody."
                ),
                format!("{filled}자리는 모두에게 똑같이 보이는 목록에서 채웠습니다."),
            ));
        }
        steps
    }

    /// What was asked of whom, and what that means for the explanation.
    fn asking(&self) -> Vec<String> {
        let tongue = self.tongue();
        let Some(recipient) = &self.decision.recipient else { return Vec::new() };
        let personal = self.decision.tier == "individual";
        let asked = if personal {
            tongue.pick(
                format!("\u{201c}{recipient}\u{201d} was asked for candidates, under a pseudonym and with the permitted data only."),
                format!("허용된 정보만 가명과 함께 \u{2018}{recipient}\u{2019} 쪽에 보내 후보를 받았습니다."),
            )
        } else {
            tongue.pick(
                format!("\u{201c}{recipient}\u{201d} was asked for candidates without anything that tells who you are."),
                format!("누구인지 알 수 있는 정보 없이 \u{2018}{recipient}\u{2019} 쪽에 후보를 요청했습니다."),
            )
        };
        let mut steps = vec![asked];
        if self.fault().is_some() {
            let text = tongue.pick(
                "Its answer did not come or could not be used, so the list is the same for everybody.",
                "답을 받지 못했거나 쓸 수 없어 모두에게 똑같은 목록을 보여 드렸습니다.",
            );
            steps.push(text.to_owned());
        } else if personal {
            let text = tongue.pick(
                "How the model weighs each kind of data is not known to this gateway.",
                "모델이 각 정보에 얼마나 비중을 두는지는 이 게이트웨이가 알지 못합니다.",
            );
            steps.push(text.to_owned());
        }
        steps
    }

    /// All of it in plain words.
    pub(super) fn text(&self, items: &[OwnReasoned], ways: &[OwnWay]) -> String {
        let tongue = self.tongue();
        let mut parts = Vec::new();
        if let [only] = items {
            parts.push(only.text.clone());
        }
        let used = self.used();
        if self.answer().is_some() {
            parts.push(if used.is_empty() {
                tongue
                    .pick("No personal data was used.", "개인정보는 쓰이지 않았습니다.")
                    .to_owned()
            } else {
                let titles: Vec<&str> = used.iter().map(|used| used.title.as_str()).collect();
                let titles = titles.join(tongue.pick("; ", " / "));
                tongue.pick(format!("Data used: {titles}."), format!("쓰인 정보: {titles}."))
            });
        }
        parts.extend(used.into_iter().map(|used| used.text).filter(|text| !text.is_empty()));
        parts.extend(self.withheld().into_iter().filter(|held| held.sent_as.is_none()).map(
            |held| {
                let OwnWithheld { title, reason_text, .. } = held;
                tongue.pick(
                    format!("\u{201c}{title}\u{201d} was not sent: {reason_text}"),
                    format!("\u{2018}{title}\u{2019} 정보는 보내지 않았습니다. {reason_text}"),
                )
            },
        ));
        parts.extend(self.procedure());
        if !ways.is_empty() {
            let texts: Vec<&str> = ways.iter().map(OwnWay::text).collect();
            let texts = texts.join(" ");
            parts.push(
                tongue
                    .pick(format!("What you can do: {texts}"), format!("하실 수 있는 일: {texts}")),
            );
        }
        parts.join(" ")
    }
}
