//! How `consentry policy` words what it found: tables, differences and reports.

use serde_json::{Value, json};

use super::Format;
use crate::{
    cli::print,
    domain::PurposeId,
    policy::{Bundle, Case, Change, Level, ReasonCode, TableRow, Told, cover, detail_str},
};

pub(super) fn table(bundle: &Bundle, format: Format, purpose: Option<&str>) {
    let wanted = |id: &PurposeId| purpose.is_none_or(|wanted| id.as_str() == wanted);
    match format {
        Format::Text => {
            let mut last = None;
            for group in cover(bundle).into_iter().filter(|group| wanted(&group.purpose)) {
                if last.as_ref() != Some(&group.purpose) {
                    print::line(&format!("\n{}", group.purpose));
                    last = Some(group.purpose.clone());
                }
                let (cases, when, told) = (group.cases, &group.when, worded(&group.outcome));
                print::line(&format!("  {told}\n      {cases} cases: {when}"));
            }
        }
        Format::Csv => {
            print::line("purpose,category,facts,level,reasons,policies");
            for row in bundle.table().filter(|row| wanted(purpose_of(&row.case))) {
                print::line(&csv_line(&row));
            }
        }
        Format::Json => {
            for row in bundle.table().filter(|row| wanted(purpose_of(&row.case))) {
                print::line(&json!(row).to_string());
            }
        }
    }
}

fn purpose_of(case: &Case) -> &PurposeId {
    match case {
        Case::Gate { purpose, .. } | Case::Category { purpose, .. } => purpose,
    }
}

/// One case as a line of CSV. Its words are names and numbers without quotes or commas, but for the facts.
fn csv_line(row: &TableRow<'_>) -> String {
    let (category, facts) = match &row.case {
        Case::Gate { facts, .. } => ("", json!(facts)),
        Case::Category { category, facts, .. } => (category.as_str(), json!(facts)),
    };
    let level = match row.level {
        Level::Tier(tier) => tier.as_str(),
        Level::Detail(detail) => detail_str(detail),
    };
    let facts = facts.to_string().replace('"', "\"\"");
    let reasons: Vec<&str> = row.reasons.iter().map(ReasonCode::as_str).collect();
    let (purpose, reasons) = (purpose_of(&row.case), reasons.join(" "));
    format!("{purpose},{category},\"{facts}\",{level},{reasons},{}", row.policies.join(" "))
}

pub(super) fn report(report: &Value, dry_run: bool) {
    let at = |pointer: &str| report.pointer(pointer).unwrap_or(&Value::Null);
    let difference: Vec<Change> =
        serde_json::from_value(at("/difference/changes").clone()).unwrap_or_default();
    difference.iter().for_each(self::change);
    let (changed, cases) = (at("/difference/changed"), at("/difference/cases"));
    print::line(&format!("{changed} of {cases} cases change"));
    for (member, told) in [
        ("/people/asked_again", "must be asked again for"),
        ("/people/withdrawn", "lose their consent for"),
        ("/people/carried", "keep their consent under another name than"),
    ] {
        for (purpose, people) in at(member).as_object().into_iter().flatten() {
            print::line(&format!("{people} people {told} {purpose}"));
        }
    }
    for warning in at("/warnings").as_array().into_iter().flatten() {
        print::line(&format!("look at this: {}", warning.as_str().unwrap_or_default()));
    }
    if *at("/migration/done") == json!(false) {
        print::line("consents are yet to be changed; the gateway goes on with it by itself");
    }
    let [version, before] = ["/version", "/before"].map(|m| at(m).as_str().unwrap_or_default());
    print::line(&match (dry_run, version == before) {
        (_, true) => format!("{version} is in force already"),
        (true, _) => {
            format!("{version} would be in force in place of {before}; nothing was changed")
        }
        (false, _) => format!("{version} is in force in place of {before}"),
    });
}

pub(super) fn change(change: &Change) {
    let told = |told: &Option<Told>| told.as_ref().map_or_else(|| "not there".to_owned(), worded);
    let (before, after) = (told(&change.before), told(&change.after));
    print::line(&format!(
        "{}: {} cases\n    from {before}\n    to   {after}",
        change.purpose, change.cases
    ));
    for when in change.when.iter().take(EXAMPLES) {
        print::line(&format!("      {when}"));
    }
    if change.when.len() > EXAMPLES {
        print::line(&format!("      and {} more", change.when.len() - EXAMPLES));
    }
}

/// How many ways of coming to the same are told of a change.
const EXAMPLES: usize = 3;

fn worded(told: &Told) -> String {
    let by =
        if told.policies.is_empty() { "no policy".to_owned() } else { told.policies.join(", ") };
    format!("{} ({}) by {by}", told.level, told.reasons.join(", "))
}
