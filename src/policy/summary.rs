//! The table and the differences of two bundles in few words: cases that come to the same are told together, each fact
//! with the values that it may have there. Nothing is left out and nothing told twice.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{
    Age, Bundle, Case, CategoryCase, ConsentFact, GateFacts, Level, TableRow,
    facts::{DETAILS, detail_str},
};
use crate::domain::{PurposeId, Tier};

/// Cases of one purpose that come to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The purpose.
    pub purpose: PurposeId,
    /// Which cases, in words.
    pub when: String,
    /// How many they are.
    pub cases: usize,
    /// What they come to.
    #[serde(flatten)]
    pub outcome: Told,
}

/// Cases of one purpose in which two bundles differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The purpose.
    pub purpose: PurposeId,
    /// How many cases.
    pub cases: usize,
    /// What they came to; absent where the bundle before has no such purpose or category.
    pub before: Option<Told>,
    /// What they come to; absent where the bundle after has no such purpose or category.
    pub after: Option<Told>,
    /// Which cases, in words.
    pub when: Vec<String>,
}

/// What a case comes to, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Told {
    /// A tier, or how finely a category leaves.
    pub level: String,
    /// The reasons, the gravest first.
    pub reasons: Vec<String>,
    /// The ids of the policies that decide.
    pub policies: Vec<String>,
}

impl Told {
    fn of(row: &TableRow<'_>) -> Self {
        let level = match row.level {
            Level::Tier(tier) => tier.as_str(),
            Level::Detail(detail) => detail_str(detail),
        };
        let reasons = row.reasons.iter().map(|code| code.as_str().to_owned()).collect();
        Self {
            level: level.to_owned(),
            reasons,
            policies: row.policies.iter().map(|id| (*id).to_owned()).collect(),
        }
    }
}

/// The whole table of `bundle`.
#[must_use]
pub fn cover(bundle: &Bundle) -> Vec<Group> {
    let facts = Facts::of(&[bundle]);
    let rows = bundle.table().map(|row| (row.case.clone(), Told::of(&row)));
    let cubes = merged(rows.map(|(case, told)| (facts.cube(&case), (purpose_of(&case), told))));
    let group = |(cube, (purpose, outcome)): (Cube, (PurposeId, Told))| Group {
        when: facts.words(&cube),
        cases: cube.cases(),
        purpose,
        outcome,
    };
    cubes.into_iter().map(group).collect()
}

/// How `after` differs from `before`, by purpose.
#[must_use]
pub fn changes(before: &Bundle, after: &Bundle) -> Vec<Change> {
    type Way = (PurposeId, Option<Told>, Option<Told>);
    let facts = Facts::of(&[before, after]);
    let mut ways: Vec<(Way, Vec<Cube>)> = Vec::new();
    let mut places: FxHashMap<Way, usize> = FxHashMap::default();
    for difference in before.diff(after) {
        let Some(case) = difference.before.as_ref().or(difference.after.as_ref()) else { continue };
        let (purpose, cube) = (purpose_of(&case.case), facts.cube(&case.case));
        let told = |row: &Option<TableRow<'_>>| row.as_ref().map(Told::of);
        let way = (purpose, told(&difference.before), told(&difference.after));
        let place = *places.entry(way.clone()).or_insert_with(|| {
            ways.push((way, Vec::new()));
            ways.len() - 1
        });
        if let Some((_, cubes)) = ways.get_mut(place) {
            cubes.push(cube);
        }
    }
    let change = |((purpose, before, after), cubes): (Way, Vec<Cube>)| {
        let cases = cubes.len();
        let cubes = merged(cubes.into_iter().map(|cube| (cube, ())));
        let when = cubes.iter().map(|(cube, ())| facts.words(cube)).collect();
        Change { purpose, cases, before, after, when }
    };
    let mut changes: Vec<Change> = ways.into_iter().map(change).collect();
    changes.sort_by(|a, b| a.purpose.cmp(&b.purpose).then(b.cases.cmp(&a.cases)));
    changes
}

fn purpose_of(case: &Case) -> PurposeId {
    match case {
        Case::Gate { purpose, .. } | Case::Category { purpose, .. } => purpose.clone(),
    }
}

/// The most facts a case has.
const FACTS: usize = 8;

/// Cases as, for each fact, the values it may have, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Cube {
    gate: bool,
    values: [u64; FACTS],
}

impl Cube {
    fn cases(&self) -> usize {
        self.values.iter().map(|bits| bits.count_ones().max(1) as usize).product()
    }
}

/// Joins cases that differ in one fact alone and are told the same, fact by fact.
fn merged<K: Clone + Eq + std::hash::Hash>(
    cases: impl Iterator<Item = (Cube, K)>,
) -> Vec<(Cube, K)> {
    let mut cubes: Vec<(Cube, K)> = cases.collect();
    for fact in 0..FACTS {
        let mut joined: Vec<(Cube, K)> = Vec::new();
        let mut places: FxHashMap<(Cube, K), usize> = FxHashMap::default();
        for (cube, told) in cubes {
            let mut others = cube;
            let bits = others.values.get_mut(fact).map(std::mem::take).unwrap_or_default();
            match places.get(&(others, told.clone())).and_then(|place| joined.get_mut(*place)) {
                Some((known, _)) => {
                    if let Some(known) = known.values.get_mut(fact) {
                        *known |= bits;
                    }
                }
                None => {
                    places.insert((others, told.clone()), joined.len());
                    joined.push((cube, told));
                }
            }
        }
        cubes = joined;
    }
    cubes
}

/// The facts of cases in words.
struct Facts {
    gate: [Fact; FACTS],
    category: [Fact; 4],
    categories: Vec<String>,
}

/// One fact: the words for its values, and what stands before them.
struct Fact {
    before: &'static str,
    words: Vec<String>,
}

fn fact(before: &'static str, words: &[&str]) -> Fact {
    Fact { before, words: words.iter().map(|word| (*word).to_owned()).collect() }
}

impl Facts {
    fn of(bundles: &[&Bundle]) -> Self {
        let mut categories: Vec<String> = Vec::new();
        for category in bundles.iter().flat_map(|bundle| bundle.catalogue().categories()) {
            if !categories.iter().any(|known| known == category.id().as_str()) {
                categories.push(category.id().as_str().to_owned());
            }
        }
        let tiers = Tier::ALL.map(Tier::as_str);
        // The facts that matter least come first, so that what is joined first is what is most often all the same.
        let gate = [
            fact("", &["by day", "at night"]),
            fact("", &["to the controller's own", "to a third party"]),
            fact("", &["not paused", "paused"]),
            fact("", &["without a signal", "with a signal"]),
            fact("capped at ", &tiers),
            fact("age ", &Age::ALL.map(Age::as_str)),
            fact("", &["an app that is not registered", "a registered app"]),
            fact("consent ", &ConsentFact::ALL.map(ConsentFact::as_str)),
        ];
        let category = [
            Fact { before: "category ", words: categories.clone() },
            fact("", &["not switched off", "switched off"]),
            fact("at tier ", &tiers),
            fact("given ", &DETAILS.map(detail_str)),
        ];
        Self { gate, category, categories }
    }

    fn cube(&self, case: &Case) -> Cube {
        let bit = |value: usize| 1_u64 << value;
        match case {
            Case::Gate { facts, .. } => {
                let GateFacts { registered, consent, age, gpc, paused, night, third_party, cap } =
                    *facts;
                let flags = [night, third_party, paused, gpc].map(usize::from);
                let [night, third, paused, gpc] = flags.map(bit);
                let (cap, age) = (bit(cap as usize), bit(age as usize));
                let (registered, consent) = (bit(registered.into()), bit(consent as usize));
                let values = [night, third, paused, gpc, cap, age, registered, consent];
                Cube { gate: true, values }
            }
            Case::Category { category, facts, .. } => {
                let CategoryCase { given, switched_off, tier } = *facts;
                let place = self.categories.iter().position(|known| known == category.as_str());
                let category = place.map_or(0, bit);
                let (off, tier) = (bit(switched_off.into()), bit(tier as usize));
                let values = [category, off, tier, bit(given as usize), 0, 0, 0, 0];
                Cube { gate: false, values }
            }
        }
    }

    fn words(&self, cube: &Cube) -> String {
        let facts = if cube.gate { self.gate.as_slice() } else { self.category.as_slice() };
        let told = facts.iter().zip(cube.values).rev().filter_map(|(fact, bits)| fact.told(bits));
        let told: Vec<String> = told.collect();
        match (told.is_empty(), cube.gate) {
            (true, true) => "always".to_owned(),
            (true, false) => "every category, always".to_owned(),
            (false, _) => told.join(", "),
        }
    }
}

impl Fact {
    /// The values in words; nothing where the fact may have any.
    fn told(&self, bits: u64) -> Option<String> {
        let chosen = self.words.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
        let chosen: Vec<&str> = chosen.map(|(_, word)| word.as_str()).collect();
        let all = chosen.len() == self.words.len();
        // The category is told even if there is but one.
        let matters = !all || self.before == "category ";
        matters.then(|| format!("{}{}", self.before, chosen.join(" or ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_table_hold_each_case_once() {
        let bundle = Bundle::shipped().unwrap();
        let groups = cover(&bundle);
        let cases: usize = groups.iter().map(|group| group.cases).sum();
        assert_eq!(cases, bundle.table().count());
        assert!(groups.len() * 3 < cases, "{} groups of {cases} cases", groups.len());
    }

    #[test]
    fn a_change_is_told_in_words_with_the_policies_that_decide() {
        let before = Bundle::shipped().unwrap();
        let mut files = before.files().clone();
        let catalogue = files.get_mut("purposes.toml").unwrap();
        *catalogue = catalogue.replacen("gpc = \"ignored\"", "gpc = \"off\"", 1);
        let after = Bundle::parse(files).unwrap();
        let changes = changes(&before, &after);
        let cases: usize = changes.iter().map(|change| change.cases).sum();
        assert_eq!(cases, before.diff(&after).len());
        assert!(changes.iter().all(|change| change.purpose.as_str() == "measure_popularity"));
        let opened = |told: &Option<Told>| told.as_ref().unwrap().level == "individual";
        let closed = changes.iter().find(|change| opened(&change.before)).unwrap();
        let after = closed.after.as_ref().unwrap();
        assert_eq!(
            (after.level.as_str(), after.policies.as_slice()),
            ("none", ["signal-switches-off".to_owned()].as_slice())
        );
        assert!(closed.when[0].contains("consent given"), "{:?}", closed.when);
        assert!(closed.when[0].contains("with a signal"), "{:?}", closed.when);
    }

    #[test]
    fn a_bundle_does_not_differ_from_itself() {
        let bundle = Bundle::shipped().unwrap();
        assert_eq!(changes(&bundle, &bundle), []);
    }
}
