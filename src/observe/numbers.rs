//! Every number by name. `docs/OBSERVABILITY.md` says what to make of each, and a test holds the two together.

use super::{
    Inner, disk,
    edge::{CLASSES, METHODS},
    process,
    readiness::Readiness,
    witnesses,
};
use crate::{
    gateway::Counts,
    rights::requests::OpenRequests,
    telemetry::{Family, Page},
};

pub(super) fn page(of: &Inner) -> Page {
    let mut page = Page::default();
    decisions(&mut page, of);
    stages(&mut page, of);
    models(&mut page, of);
    events(&mut page, of);
    consents(&mut page, of);
    journal(&mut page, of);
    disk_use(&mut page, of);
    edge(&mut page, of);
    tokens(&mut page, of);
    rights(&mut page, of);
    keys(&mut page, of);
    witnesses::add(&mut page, of.witnesses.get().map_or(&[], Vec::as_slice));
    program(&mut page, of);
    page
}

fn decisions(page: &mut Page, of: &Inner) {
    let mut decided = Family::counts("consentry_decisions", "Answers by tier and first reason");
    let mut faults = Family::counts("consentry_faults", "Answers that fell short, by why");
    let mut voided = Family::counts("consentry_voided_rows", "Rows of decisions taken back");
    let shards = of.ground.gateway.counts();
    for shard in shards.all() {
        for (purpose, counts) in shard.purposes.each() {
            for (tier, reason, count) in counts.decided() {
                let labels = [("purpose", purpose), ("tier", tier.as_str()), ("reason", reason)];
                decided.count(labels, count);
            }
            for (fault, count) in counts.faults.each() {
                faults.count([("purpose", purpose), ("fault", fault)], count.value());
            }
        }
        for (why, count) in shard.voided.each() {
            voided.count([("why", why)], count.value());
        }
    }
    page.add(decided);
    page.add(faults);
    page.add(voided);
    page.sum("consentry_unrecorded_answers", "Answers without a row", shards, |counts: &Counts| {
        counts.unrecorded.value()
    });
    let help = "Answers without a row that no row of the log tells of yet";
    page.level("consentry_audit_gap", help, float(of.ground.gateway.gap()));
}

fn stages(page: &mut Page, of: &Inner) {
    let mut stages = Family::spreads("consentry_stage_seconds", "Where a call's time goes");
    for shard in of.ground.gateway.counts().all() {
        stages.spread([("stage", "call")], &shard.call.read());
        stages.spread([("stage", "record")], &shard.record.read());
        stages.spread([("stage", "rank")], &shard.rank.read());
        for (_, counts) in shard.recipients.each() {
            stages.spread([("stage", "model")], &counts.took.read());
        }
    }
    page.add(stages);
}

fn models(page: &mut Page, of: &Inner) {
    let mut disclosed =
        Family::counts("consentry_disclosures", "Calls of which a byte may have left");
    let mut calls = Family::counts("consentry_model_calls", "Calls to models by outcome");
    let mut took = Family::spreads("consentry_model_seconds", "How long models take");
    let mut answering =
        Family::levels("consentry_model_answering", "Whether a model's last call was answered");
    let mut breaker = Family::levels("consentry_model_breaker", "The state of a model's breaker");
    let mut under_way = Family::levels("consentry_model_under_way", "Calls to a model under way");
    let shards = of.ground.gateway.counts().all();
    for model in of.ground.gateway.models() {
        let recipient = model.recipient().id.as_str();
        disclosed.count([("recipient", recipient)], 0);
        if let Some(answers) = answers(&shards, recipient) {
            answering.level([("recipient", recipient)], flag(answers));
        }
    }
    for (recipient, health) in of.ground.gateway.model_health() {
        let recipient = recipient.as_str();
        for state in ["closed", "open", "half_open"] {
            let is = flag(health.breaker.as_str() == state);
            breaker.level([("recipient", recipient), ("state", state)], is);
        }
        under_way.level([("recipient", recipient)], f64::from(health.under_way));
    }
    for (recipient, counts) in shards.iter().flat_map(|shard| shard.recipients.each()) {
        disclosed.count([("recipient", recipient)], counts.disclosed.value());
        took.spread([("recipient", recipient)], &counts.took.read());
        for (outcome, count) in counts.outcomes.each() {
            calls.count([("recipient", recipient), ("outcome", outcome)], count.value());
        }
    }
    page.add(disclosed);
    page.add(calls);
    page.add(took);
    page.add(answering);
    page.add(breaker);
    page.add(under_way);
}

/// Whether a model answers, as far as the workers know: one that was answered last is enough.
pub(super) fn answers(shards: &[std::sync::Arc<Counts>], recipient: &str) -> Option<bool> {
    let of = |shard: &std::sync::Arc<Counts>| shard.recipients.of(recipient).answers();
    shards.iter().filter_map(of).reduce(|one, other| one || other)
}

fn events(page: &mut Page, of: &Inner) {
    let mut events = Family::counts("consentry_events", "Events that were used, and went on");
    let mut dropped = Family::counts("consentry_events_dropped", "Events not used, by why");
    let mut muted = Family::counts("consentry_muted_items", "Muted items, by what became of them");
    for shard in of.ground.gateway.counts().all() {
        events.count([("outcome", "accepted")], shard.events_accepted.value());
        events.count([("outcome", "forwarded")], shard.events_forwarded.value());
        for (outcome, count) in shard.muted.each() {
            muted.count([("outcome", outcome)], count.value());
        }
        for (reason, count) in shard.events_dropped.each() {
            dropped.count([("reason", reason)], count.value());
        }
    }
    page.add(events);
    page.add(dropped);
    page.add(muted);
}

fn consents(page: &mut Page, of: &Inner) {
    let counts = of.ground.ledger.gates().counts();
    let mut acts = Family::counts("consentry_consent_acts", "Recorded acts by action");
    for (action, count) in counts.acts.each() {
        acts.count([("action", action)], count.value());
    }
    page.add(acts);
    let help = "Acts that hold a gate shut since they could not be recorded";
    page.count("consentry_consent_acts_unrecorded", help, counts.shut.value());
    let help = "How long acts waited for disclosures that were being written";
    page.spread("consentry_act_drain_seconds", help, &counts.drain.read());
    let help = "Disclosures cut off by an act";
    page.count("consentry_disclosures_revoked", help, counts.revoked.value());
    let help = "Largest time from an acknowledged act to the last byte under what it ended";
    let mut nearest = Family::levels("consentry_act_to_last_use_seconds", help);
    if let Some(seconds) = counts.act_to_last_use() {
        nearest.level([], seconds);
    }
    page.add(nearest);
    let help = "How long before an acknowledged act the last byte left under what it ended";
    page.spread("consentry_last_use_to_act_seconds", help, &counts.last_use.read());
    let help = "Last bytes that left after an act that ended what allowed them was acknowledged";
    page.count("consentry_disclosures_after_act", help, counts.late.value());
}

fn journal(page: &mut Page, of: &Inner) {
    let store = &of.ground.store;
    let (counts, pulse, health) = (store.counts(), store.pulse(), store.health());
    page.count("consentry_journal_groups", "Groups written and synced", counts.groups.value());
    page.spread("consentry_journal_group_batches", "Batches a group", &counts.batches.read());
    page.count("consentry_journal_bytes", "Bytes of groups", counts.bytes.value());
    let help = "How long a group takes to be written and synced";
    page.spread("consentry_journal_sync_seconds", help, &counts.sync.read());
    page.count("consentry_journal_failures", "Groups not written", counts.failed.value());
    let help = "Batches refused since what they expected did not hold";
    page.count("consentry_journal_conflicts", help, counts.conflicts.value());
    let help = "Batches refused since no writes were taken";
    page.count("consentry_journal_refused", help, counts.refused.value());
    page.level("consentry_journal_waiting", "Batches that wait", usize_float(pulse.waiting));
    let help = "How long the group under way has been written, 0 without one";
    let writing = pulse.writing_for.unwrap_or_default().as_secs_f64();
    page.level("consentry_journal_writing_seconds", help, writing);
    let help = "Whether writes of every kind are taken";
    page.level("consentry_journal_writable", help, flag(health.writable()));
    page.level("consentry_log_rows", "Rows of the log", float(store.log_size()));
    let Some(log) = of.log.get() else { return };
    let help = "Rows that no published checkpoint counts yet";
    page.level("consentry_log_rows_unpublished", help, float(log.unpublished()));
    page.count("consentry_log_checkpoints", "Checkpoints published", log.checkpoints());
}

fn disk_use(page: &mut Page, of: &Inner) {
    let (store, dir) = (&of.ground.store, of.ground.store.dir());
    let mut free = Family::levels("consentry_disk_free_bytes", "Room on the data folder's disk");
    if let Some(bytes) = store.health().disk_free {
        free.level([], float(bytes));
    }
    page.add(free);
    let mut data = Family::levels("consentry_data_bytes", "What the parts of the data folder hold");
    for (part, bytes) in disk::sizes(&dir) {
        data.level([("part", part)], float(bytes));
    }
    page.add(data);
    let mut age = Family::levels("consentry_snapshot_age_seconds", "Age of the newest snapshot");
    if let Some(written) = disk::newest_snapshot(&dir) {
        age.level([], seconds(of.ground.clock.now().millis().saturating_sub(written)));
    }
    page.add(age);
}

fn edge(page: &mut Page, of: &Inner) {
    let mut answers = Family::counts("consentry_http_answers", "Answers by path and class");
    let mut took = Family::spreads("consentry_http_seconds", "How long calls take by path");
    let mut problems = Family::counts("consentry_http_problems", "Problems by kind");
    for shard in of.edges.all() {
        for (route, counts) in shard.routes.each() {
            took.spread([("route", route)], &counts.took.read());
            for (method, classes) in METHODS.into_iter().zip(&counts.answers) {
                for (class, count) in CLASSES.into_iter().zip(classes) {
                    if count.value() > 0 {
                        let labels = [("method", method), ("route", route), ("class", class)];
                        answers.count(labels, count.value());
                    }
                }
            }
        }
        for (problem, count) in shard.problems.each() {
            problems.count([("problem", problem)], count.value());
        }
    }
    page.add(answers);
    page.add(took);
    page.add(problems);
}

fn tokens(page: &mut Page, of: &Inner) {
    let mut refused = Family::counts("consentry_tokens_refused", "Tokens refused, by why");
    for shard in of.edges.all() {
        for (reason, count) in shard.refused.each() {
            refused.count([("reason", reason)], count.value());
        }
    }
    page.add(refused);
    let help = "Tokens accepted";
    page.sum("consentry_tokens_accepted", help, &of.edges, |counts| counts.accepted.value());
    let help = "Tokens verified in full since they were not remembered";
    page.count("consentry_tokens_examined", help, of.ground.authority.examined());
}

fn rights(page: &mut Page, of: &Inner) {
    let counts = &of.deletions;
    let help = "Deletions that recipients owe";
    page.level("consentry_deletions_owed", help, signed(counts.owed.value()));
    let help = "Deletions owed for more than a day";
    page.level("consentry_deletions_overdue", help, signed(counts.overdue.value()));
    let help = "Deletions that recipients confirmed";
    page.count("consentry_deletions_confirmed", help, counts.confirmed.value());
    let help = "Deletions given up after 30 days";
    page.count("consentry_deletions_unanswered", help, counts.unanswered.value());
    callbacks(page, of);
    requests(page, of);
}

fn callbacks(page: &mut Page, of: &Inner) {
    let counts = &of.callbacks;
    let help = "Callbacks that controllers are to be told";
    page.level("consentry_opendsr_callbacks_owed", help, signed(counts.owed.value()));
    let help = "Callbacks that controllers heard";
    page.count("consentry_opendsr_callbacks_told", help, counts.told.value());
    let help = "Callbacks given up after 30 days";
    page.count("consentry_opendsr_callbacks_unanswered", help, counts.unanswered.value());
}

/// What people asked for by right. Where it cannot be read, nothing is told rather than nothing owed.
fn requests(page: &mut Page, of: &Inner) {
    let now = of.ground.clock.now();
    let Ok(owed) = OpenRequests::at(&of.ground.store, now) else { return };
    let help = "Requests of people that wait for an answer";
    let mut open = Family::levels("consentry_requests_open", help);
    for (right, count) in &owed.by_right {
        open.level([("type", right.as_str())], float(*count));
    }
    page.add(open);
    let help = "Requests of people whose last day has ended";
    page.level("consentry_requests_overdue", help, float(owed.overdue));
    let help = "Time to the next end of a last day of those not overdue";
    let mut next = Family::levels("consentry_request_next_deadline_seconds", help);
    if let Some(due) = owed.next_due {
        next.level([], seconds(due.millis().saturating_sub(now.millis())));
    }
    page.add(next);
}

fn keys(page: &mut Page, of: &Inner) {
    let mut age = Family::levels("consentry_kek_age_seconds", "Age of the key-encryption key");
    let mut going = Family::levels("consentry_kek_rotating", "Whether a rotation is not over");
    if let Some(known) = of.kek.load_full() {
        let (since, rotating) = *known;
        age.level([], seconds(of.ground.clock.now().millis().saturating_sub(since.millis())));
        going.level([], flag(rotating));
    }
    page.add(age);
    page.add(going);
}

fn program(page: &mut Page, of: &Inner) {
    let ready = Readiness::of(of).ready();
    page.level("consentry_ready", "Whether it can do its work", flag(ready));
    let mut build = Family::levels("consentry_build_info", "The program's version");
    build.level([("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.add(build);
    let mut policy = Family::levels("consentry_policy_info", "The policy in force");
    policy.level([("version", of.ground.policies.current().version())], 1.0);
    page.add(policy);
    let dropped = of.lines_dropped.get().map_or(0, |dropped| dropped.value());
    page.count("consentry_log_lines_dropped", "Lines of the log that found no room", dropped);
    let help = "When the process started, in seconds since 1970";
    page.level("process_start_time_seconds", help, seconds(of.started.millis()));
    let mut memory = Family::levels("process_resident_memory_bytes", "Memory it holds");
    if let Some(bytes) = process::resident_bytes() {
        memory.level([], float(bytes));
    }
    page.add(memory);
    let mut files = Family::levels("process_open_fds", "Files and sockets it has open");
    if let Some(count) = process::open_files() {
        files.level([], usize_float(count));
    }
    page.add(files);
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

#[expect(clippy::cast_precision_loss, reason = "a gauge that large need not be exact")]
fn float(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge that large need not be exact")]
pub(super) fn signed(value: i64) -> f64 {
    value as f64
}

fn usize_float(value: usize) -> f64 {
    float(value as u64)
}

fn seconds(millis: i64) -> f64 {
    signed(millis) / 1e3
}
