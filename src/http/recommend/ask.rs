//! The wire form of a recommendation call.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    domain::{ItemId, PurposeId, SubjectRef, Tag},
    gateway::{Asked, Dial, Proposed},
    http::{
        Edge, Fault, Problem,
        object::objects,
        read::{Few, Read, Scenario, Share, Subject, Whole},
        refuse,
        words::{ItemName, PurposeName, ScenarioName, TagWord},
    },
    policy::Context,
};

/// How many items an answer has when the call does not say.
const STANDARD_COUNT: usize = 10;

/// A recommendation call.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({
    "subject": {"id": "user-4395"}, "purpose": "recommend_products", "scenario": "home", "count": 10,
    "seed_items": ["tv-178"], "exclude": ["tv-9"],
    "context": {"location": {"lat": 37.56, "lon": 126.97}, "demographics": {"birth_year": 1990},
                "device": {"type": "mobile"}, "weather": {"sky": "rain"}},
    "diversity": 0.4
})))]
pub(in crate::http) struct RecommendationCall<'a> {
    /// Whom the call is about. Without it the answer is for everybody.
    #[schema(inline = false)]
    pub(super) subject: Option<Subject>,
    /// What the answer is for; `GET /v1/purposes` lists the purposes in force.
    #[schema(value_type = PurposeName, example = "recommend_products")]
    purpose: Read<PurposeId>,
    /// Where the list is shown: letters, digits, `.`, `_` and `-`. It goes on to the model as it is.
    #[schema(value_type = Option<ScenarioName>)]
    scenario: Option<Read<Scenario>>,
    /// How many items are wanted.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 500, default = 10)]
    count: Option<Whole<1, 500>>,
    /// The items the person is looking at. They are data about the person and leave as consented.
    #[serde(default)]
    #[schema(value_type = Vec<ItemName>, max_items = 100)]
    seed_items: Few<Read<ItemId>, 0, 100>,
    /// Items that must not be in the answer. They never leave the gateway.
    #[serde(default)]
    #[schema(value_type = Vec<ItemName>, max_items = 1000)]
    exclude: Few<Read<ItemId>, 0, 1000>,
    /// Candidates of the app's own: they are re-ranked, and no model is called. One that stands twice counts once. Where they
    /// are fewer than `count`, or the person has muted some, the list is filled up as any other; each item's `source` says
    /// so, and a `count` of as many as are wanted keeps others out.
    #[schema(value_type = Option<Vec<Candidate>>, min_items = 1, max_items = 1000)]
    candidates: Option<Few<Candidate, 1, 1000>>,
    /// What the app says of the moment and the person, by data category of the catalogue.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>)]
    context: Option<&'a RawValue>,
    /// How diverse the answer is to be: 0 is the model's own order. The person's own dial goes first.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    diversity: Option<Share>,
    /// Signals of the person's software, where no header can carry them.
    #[schema(inline = false)]
    signals: Option<Signals>,
}

/// A candidate of the app's own.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"id": "tv-178", "score": 0.9, "tags": ["tv"]})))]
pub(in crate::http) struct Candidate {
    /// The item.
    #[schema(value_type = ItemName)]
    id: Read<ItemId>,
    /// How well it fits, on a scale of the app's own.
    score: Option<f64>,
    /// What describes it, where the catalogue says nothing.
    #[serde(default)]
    #[schema(value_type = Vec<TagWord>, max_items = 64)]
    tags: Few<Read<Tag>, 0, 64>,
}

/// Signals of the person's software.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(in crate::http) struct Signals {
    /// Global Privacy Control: the same as the header `Sec-GPC: 1`.
    #[serde(default)]
    pub(in crate::http) gpc: bool,
}

objects!(RecommendationCall<'a>, Candidate, Signals);

/// Who asks, and about whom.
pub(super) enum Who<'a> {
    /// An app, about the person that the call names.
    App(&'a Caller),
    /// A person, about themselves.
    Oneself(&'a Caller, SubjectRef),
}

impl RecommendationCall<'_> {
    /// The call as the gateway takes it.
    pub(super) fn read(self, edge: &Edge, who: Who<'_>, signal: bool) -> Result<Asked, Problem> {
        let bundle = edge.policies.current();
        let purpose = self.purpose.0;
        refuse::unless_known(bundle.catalogue(), &purpose)?;
        let context = match self.context {
            Some(json) => bundle.catalogue().parse_context(json),
            None => Ok(Context::default()),
        };
        let (caller, subject, app, registered) = match who {
            Who::App(caller) => {
                let app = caller.app().map(|app| app.id.clone());
                (caller, self.subject.map(SubjectRef::from), app, caller.registered(&purpose))
            }
            Who::Oneself(caller, subject) => (caller, Some(subject), None, true),
        };
        let subject = match subject {
            Some(subject) => Some(edge.gateway.handle(caller.tenant(), subject)?),
            None => None,
        };
        Ok(Asked {
            subject,
            app,
            registered,
            purpose,
            scenario: self.scenario.map(|scenario| scenario.0.0),
            count: self.count.map_or(STANDARD_COUNT, |Whole(count)| {
                usize::try_from(count).unwrap_or(STANDARD_COUNT)
            }),
            seed_items: self.seed_items.values(),
            exclude: self.exclude.values(),
            candidates: self.candidates.map(|Few(all)| all.into_iter().map(Into::into).collect()),
            context: context.map_err(|error| refuse::context(&error, "/context"))?,
            dial: self.diversity.map(dial).transpose()?,
            signal: signal || self.signals.is_some_and(|signals| signals.gpc),
        })
    }
}

fn dial(Share(strength): Share) -> Result<Dial, Problem> {
    let out_of_range = |_| Problem::invalid(&[Fault::at("/diversity", "must be 0 to 1")]);
    Dial::parse(strength).map_err(out_of_range)
}

impl From<Candidate> for Proposed {
    fn from(candidate: Candidate) -> Self {
        Self { id: candidate.id.0, score: candidate.score, tags: candidate.tags.values() }
    }
}
