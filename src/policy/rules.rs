//! The Cedar rules of a bundle: read, validated strictly, and asked one case at a time.
//!
//! A rule that fails while it is evaluated denies: Cedar would skip it, and a skipped `forbid` would allow.

use std::{fmt, str::FromStr};

use cedar_policy::{
    Authorizer, Context, Decision, Effect, Entities, EntityUid, Policy, PolicyId, PolicySet,
    Request, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Catalogue, CategoryCase, Files, GateFacts, PolicyError, ReasonCode, Reasons, entities::Names,
    error::Found,
};
use crate::domain::{Detail, Tier};

/// The name of the schema in a bundle.
pub(super) const SCHEMA: &str = "schema.cedarschema";

/// What a case came to: a tier or a detail, why, and by which policies (places in the list of rules).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome<L> {
    pub(super) level: L,
    pub(super) reasons: Reasons,
    pub(super) policies: Box<[u16]>,
}

/// One rule, as the auditor sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// Its `@id`.
    pub id: String,
    /// The file it stands in.
    pub file: String,
    /// The line of its `@id`, counted from 1.
    pub line: usize,
    /// Its `@reason`.
    pub reason: ReasonCode,
    /// Its `@law`, if a law is the reason.
    pub law: Option<String>,
}

pub(super) struct Rules {
    list: Vec<Rule>,
    places: FxHashMap<PolicyId, u16>,
    policies: PolicySet,
    entities: Entities,
    names: Names,
    authorizer: Authorizer,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("rules", &self.list).finish_non_exhaustive()
    }
}

impl Rules {
    /// Reads the schema and every `.cedar` file. Without a catalogue, which has flaws then, there are no rules; what is
    /// wrong in their files is told all the same.
    pub(super) fn parse(
        files: &Files,
        catalogue: Option<&Catalogue>,
    ) -> Result<Option<Self>, PolicyError> {
        let missing = || PolicyError::of_file(SCHEMA, "the bundle has no such file");
        let schema_text = files.get(SCHEMA).ok_or_else(missing)?;
        let mut found = Found::default();
        let schema = found.keep(
            Schema::from_cedarschema_str(schema_text)
                .map_err(|error| diagnosed(SCHEMA, schema_text, &error)),
        );
        let mut set = RuleSet::default();
        for (file, text) in files.iter().filter(|(file, _)| is_cedar(file)) {
            set.read(&mut found, file, text, catalogue);
        }
        if let Some((schema, _)) = &schema {
            validate(&mut found, schema, &set, files);
        }
        found.finish()?;
        let (Some((schema, _)), Some(catalogue)) = (schema, catalogue) else { return Ok(None) };
        let at_schema = |reason: String| PolicyError::at(SCHEMA, schema_text, 0, reason);
        let names = Names::new(catalogue).map_err(|error| at_schema(error.to_string()))?;
        let entities = names
            .entities(catalogue, &schema)
            .map_err(|error| at_schema(format!("the catalogue does not fit it: {error}")))?;
        let RuleSet { list, policies, places } = set;
        let authorizer = Authorizer::new();
        let rules = Self { list, places, policies, entities, names, authorizer };
        rules.agree_with(&schema).map_err(|error| at_schema(error.to_string()))?;
        Ok(Some(rules))
    }

    /// Whether the questions that will be asked are those that the schema knows.
    fn agree_with(&self, schema: &Schema) -> Result<(), Box<dyn std::error::Error>> {
        let Some(purpose) = self.names.purposes.first() else { return Ok(()) };
        let names = &self.names;
        let context = names.gate_context(GateFacts::unrestricted())?;
        let (who, action) = (purpose.clone(), names.individual.clone());
        Request::new(who, action, names.first_party.clone(), context, Some(schema))?;
        let Some(category) = names.categories.first() else { return Ok(()) };
        let case = CategoryCase { given: Detail::None, switched_off: false, tier: Tier::None };
        for action in [&names.fine, &names.coarse] {
            let context = names.category_context(case)?;
            let (who, what) = (purpose.clone(), category.clone());
            Request::new(who, action.clone(), what, context, Some(schema))?;
        }
        Ok(())
    }

    /// All rules, in the order of the files.
    pub(super) fn all(&self) -> &[Rule] {
        &self.list
    }

    /// The highest tier at which the purpose may be served.
    pub(super) fn gate(&self, purpose: usize, facts: GateFacts) -> Outcome<Tier> {
        let names = &self.names;
        let recipient = if facts.third_party { &names.third_party } else { &names.first_party };
        let answer = self.ask(
            names.purposes.get(purpose),
            &names.individual,
            Some(recipient),
            names.gate_context(facts),
        );
        // No tier between: there are no groups of people yet, so `cohort` is never asked for.
        let level = if answer.allowed { Tier::Individual } else { Tier::None };
        self.outcome(level, answer.by, answer.failed)
    }

    /// How finely the purpose may disclose the category.
    pub(super) fn category(
        &self,
        purpose: usize,
        category: usize,
        case: CategoryCase,
    ) -> Outcome<Detail> {
        let names = &self.names;
        let ask = |action| {
            let (who, what) = (names.purposes.get(purpose), names.categories.get(category));
            self.ask(who, action, what, names.category_context(case))
        };
        let fine = ask(&names.fine);
        if fine.allowed || fine.failed {
            let level = if fine.allowed { Detail::Fine } else { Detail::None };
            return self.outcome(level, fine.by, fine.failed);
        }
        let coarse = ask(&names.coarse);
        let level = if coarse.allowed { Detail::Coarse } else { Detail::None };
        let by = fine.by.into_iter().chain(coarse.by).collect();
        self.outcome(level, by, coarse.failed)
    }

    fn outcome<L>(&self, level: L, mut by: Vec<u16>, failed: bool) -> Outcome<L> {
        by.sort_unstable();
        by.dedup();
        let rules = by.iter().filter_map(|place| self.list.get(*place as usize));
        let mut reasons: Reasons = rules.map(|rule| rule.reason).collect();
        if failed {
            reasons = reasons.with(ReasonCode::PolicyError);
        } else if reasons.is_empty() {
            reasons = reasons.with(ReasonCode::NoPolicy);
        }
        Outcome { level, reasons, policies: by.into() }
    }

    fn ask<E>(
        &self,
        principal: Option<&EntityUid>,
        action: &EntityUid,
        resource: Option<&EntityUid>,
        context: Result<Context, E>,
    ) -> Answer {
        let (Some(principal), Some(resource), Ok(context)) = (principal, resource, context) else {
            return Answer::FAILED;
        };
        let request =
            Request::new(principal.clone(), action.clone(), resource.clone(), context, None);
        let Ok(request) = request else { return Answer::FAILED };
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        if response.diagnostics().errors().next().is_some() {
            return Answer::FAILED;
        }
        let by = response.diagnostics().reason().filter_map(|id| self.places.get(id).copied());
        Answer { allowed: response.decision() == Decision::Allow, by: by.collect(), failed: false }
    }
}

/// Checks every rule against the schema, strictly. A warning counts: it tells of a rule that can never apply, which
/// its author believes in and which does nothing.
fn validate(found: &mut Found, schema: &Schema, set: &RuleSet, files: &Files) {
    let result = Validator::new(schema.clone()).validate(&set.policies, ValidationMode::Strict);
    // What is wrong for each of a rule's actions is wrong once.
    let mut places = FxHashSet::default();
    let mut note = |id: &PolicyId, flaw: &dyn Diagnostic| {
        let rule = set.places.get(id).and_then(|place| set.list.get(*place as usize));
        let file = rule.map_or(SCHEMA, |rule| rule.file.as_str());
        let text = files.get(file).map_or("", String::as_str);
        let error = diagnosed(file, text, flaw);
        let place = error.flaws().first().map(|flaw| (flaw.file.clone(), flaw.line, flaw.column));
        if places.insert(place) {
            found.keep::<()>(Err(error));
        }
    };
    for error in result.validation_errors() {
        note(error.policy_id(), error);
    }
    for warning in result.validation_warnings() {
        note(warning.policy_id(), warning);
    }
}

struct Answer {
    allowed: bool,
    by: Vec<u16>,
    failed: bool,
}

impl Answer {
    const FAILED: Self = Self { allowed: false, by: Vec::new(), failed: true };
}

/// Whether the file holds rules.
pub(super) fn is_cedar(file: &str) -> bool {
    file.strip_suffix(".cedar").is_some_and(|name| !name.is_empty())
}

#[derive(Default)]
struct RuleSet {
    list: Vec<Rule>,
    policies: PolicySet,
    places: FxHashMap<PolicyId, u16>,
}

impl RuleSet {
    fn read(&mut self, found: &mut Found, file: &str, text: &str, catalogue: Option<&Catalogue>) {
        let parsed = match PolicySet::from_str(text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                for error in errors.iter() {
                    found.keep::<()>(Err(diagnosed(file, text, error)));
                }
                return;
            }
        };
        if parsed.num_of_templates() > 0 {
            found.keep::<()>(Err(PolicyError::at(file, text, 0, "a rule cannot be a template")));
        }
        let mut policies: Vec<_> = parsed.policies().collect();
        policies.sort_by_key(|policy| numbered(policy.id()));
        for (place, policy) in policies.into_iter().enumerate() {
            if let Some((rule, offset)) = found.keep(rule(file, text, place, policy)) {
                let added = self.add(rule, policy, catalogue);
                found.keep(added.map_err(|reason| PolicyError::at(file, text, offset, reason)));
            }
        }
    }

    fn add(
        &mut self,
        rule: Rule,
        policy: &Policy,
        catalogue: Option<&Catalogue>,
    ) -> Result<(), String> {
        let unknown = catalogue.and_then(|catalogue| unknown_names(policy, catalogue));
        unknown.map_or(Ok(()), Err)?;
        let number = u16::try_from(self.list.len())
            .map_err(|_| "a bundle has at most 65,535 rules".to_owned())?;
        let id = PolicyId::new(&rule.id);
        self.policies
            .add(policy.new_id(id.clone()))
            .map_err(|_| format!("the id {} is there twice", rule.id))?;
        self.places.insert(id, number);
        self.list.push(rule);
        Ok(())
    }
}

/// Cedar numbers the policies of a file as `policy0`, `policy1` …; the number, so that they sort as they stand.
fn numbered(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    id.strip_prefix("policy").and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
}

/// The rule that a policy is, and the byte at which its `@id` stands.
fn rule(
    file: &str,
    text: &str,
    place: usize,
    policy: &Policy,
) -> Result<(Rule, usize), PolicyError> {
    let Some(id) = policy.annotation("id").filter(|id| !id.is_empty()) else {
        let reason = format!("rule {} of the file has no @id", place + 1);
        return Err(PolicyError::at(file, text, 0, reason));
    };
    let offset = text.find(&format!("@id(\"{id}\")")).unwrap_or_default();
    let codes = || ReasonCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", ");
    let effect = if policy.effect() == Effect::Permit { "permit" } else { "forbid" };
    let reason =
        policy.annotation("reason").and_then(|code| code.parse().ok()).ok_or_else(|| {
            let reason = format!("the {effect} {id} needs a @reason, one of {}", codes());
            PolicyError::at(file, text, offset, reason)
        })?;
    let rule = Rule {
        id: id.to_owned(),
        file: file.to_owned(),
        line: super::error::line_of(text, offset),
        reason,
        law: policy.annotation("law").map(str::to_owned),
    };
    Ok((rule, offset))
}

/// A purpose or category that the rule names and the catalogue does not know: it would silently never apply.
fn unknown_names(policy: &Policy, catalogue: &Catalogue) -> Option<String> {
    policy.entity_literals().into_iter().find_map(|uid| {
        let name = uid.id().unescaped();
        let known = match uid.type_name().basename() {
            "Purpose" => catalogue.purposes().iter().any(|purpose| purpose.id.as_str() == name),
            "Category" => catalogue.category_named(name).is_some(),
            _ => true,
        };
        (!known).then(|| format!("the catalogue has no {uid}"))
    })
}

fn diagnosed(file: &str, text: &str, error: &dyn Diagnostic) -> PolicyError {
    let label = error.labels().and_then(|mut labels| labels.next());
    let offset = label.map_or(0, |label| label.offset());
    PolicyError::at(file, text, offset, error.to_string())
}
