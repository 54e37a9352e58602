//! A witness never signs two histories of one log, whatever the log says and whatever becomes of the machine.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage must fail")]

mod support;

use std::{path::Path, sync::Arc};

use consentry::{
    ambient::{Clock, Fault, FaultFs},
    domain::Timestamp,
    tlog::{Note, VerifierKey},
    witness::{Answer, Malformed, Request, Witness, WitnessError, read_key, write_key},
};

use support::{
    log::{listen, logged},
    tree::Tree,
};

const ORIGIN: &str = "gw.test/log/2026h2";
const DIR: &str = "/witness";
const NOW: i64 = 1_800_000_000;

fn try_open(disk: &FaultFs, logs: Vec<VerifierKey>) -> Result<Witness, WitnessError> {
    let (clock, _) = Clock::manual(Timestamp::from_millis(NOW * 1000));
    let (signer, _) = write_key("witness.test/w1", &[9; 32]).unwrap();
    Witness::open(Arc::new(disk.clone()), Path::new(DIR), clock, signer, logs)
}

fn open(disk: &FaultFs) -> Witness {
    try_open(disk, vec![Tree::of(ORIGIN, 0).key()]).unwrap()
}

fn ask(witness: &Witness, body: impl AsRef<[u8]>) -> Answer {
    witness.add_checkpoint(body.as_ref()).unwrap()
}

/// Whether the answer is a cosignature of this log's checkpoint; the time of it.
fn signed(answer: &Answer, tree: &Tree, witness: &Witness) -> Option<u64> {
    let Answer::Cosigned(line) = answer else { return None };
    let note = tree.note() + line;
    Note::parse(note.as_bytes()).unwrap().signed_by(witness.verifier()).unwrap()
}

/// The names of the files that hold what was cosigned, or evidence.
fn files(disk: &FaultFs, ending: &str) -> Vec<String> {
    let names = consentry::ambient::Fs::list(disk, Path::new(DIR)).unwrap();
    names.into_iter().filter(|name| name.ends_with(ending)).collect()
}

mod rules {
    use super::*;

    #[test]
    fn a_log_that_goes_on_is_cosigned_with_the_time() {
        let witness = open(&FaultFs::new());
        let mut old = 0;
        for rows in [1, 2, 3, 7, 8, 255, 256, 257, 700] {
            let tree = Tree::of(ORIGIN, rows);
            let answer = ask(&witness, tree.body(old));
            assert_eq!(signed(&answer, &tree, &witness), Some(NOW.unsigned_abs()), "{rows}");
            assert_eq!((answer.status(), witness.last(ORIGIN)), (200, Some(rows)));
            old = rows;
        }
    }

    #[test]
    fn an_empty_log_is_cosigned_once_its_root_is_that_of_nothing() {
        let witness = open(&FaultFs::new());
        let empty = Tree::of(ORIGIN, 0);
        let lies = empty.note().replace(
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        );
        assert_eq!(ask(&witness, format!("old 0\n\n{lies}")), Answer::Unsigned);
        assert!(signed(&ask(&witness, empty.body(0)), &empty, &witness).is_some());
        let grown = Tree::of(ORIGIN, 3);
        assert!(signed(&ask(&witness, grown.body(0)), &grown, &witness).is_some());
    }

    #[test]
    fn the_same_checkpoint_is_cosigned_anew_without_a_write() {
        let disk = FaultFs::new();
        let witness = open(&disk);
        let tree = Tree::of(ORIGIN, 5);
        assert!(signed(&ask(&witness, tree.body(0)), &tree, &witness).is_some());
        let calls = disk.calls();
        assert!(signed(&ask(&witness, tree.body(5)), &tree, &witness).is_some());
        assert_eq!(disk.calls(), calls);
    }

    #[test]
    fn who_is_not_up_to_date_is_told_the_size() {
        let witness = open(&FaultFs::new());
        let (five, nine) = (Tree::of(ORIGIN, 5), Tree::of(ORIGIN, 9));
        assert_eq!(ask(&witness, five.body(3)), Answer::Elsewhere(0));
        ask(&witness, five.body(0));
        for old in [0, 4, 6, 9] {
            let answer = ask(&witness, nine.body(old));
            assert_eq!(answer, Answer::Elsewhere(5));
            assert_eq!((answer.status(), answer.media_type()), (409, "text/x.tlog.size"));
            assert_eq!(answer.body(), "5\n");
        }
        // An older checkpoint is none that is gone on from.
        assert_eq!(ask(&witness, Tree::of(ORIGIN, 4).body(4)), Answer::Elsewhere(5));
        assert_eq!(witness.last(ORIGIN), Some(5));
    }

    #[test]
    fn an_old_size_above_the_checkpoints_is_refused() {
        let witness = open(&FaultFs::new());
        let tree = Tree::of(ORIGIN, 5);
        let answer = ask(&witness, Request { old: 6, ..tree.asks(0) }.to_string());
        assert_eq!((answer.status(), answer), (400, Answer::Backwards));
    }

    #[test]
    fn a_log_that_is_not_followed_is_unknown_and_one_that_did_not_sign_is_refused() {
        let witness = open(&FaultFs::new());
        for other in [
            "elsewhere.test/log/2026h2",
            "gw.test/log",
            "gw.test/log/2026h3",
            "gw.test/2026h2",
            "gw.test/log/2026h2.1",
            "gw.test/log/2026h2.02",
            "gw.test/log/2026h2.1000",
        ] {
            let answer = ask(&witness, Tree::of(other, 2).body(0));
            assert_eq!((answer.status(), answer), (404, Answer::Unknown), "{other}");
        }
        let tree = Tree::of(ORIGIN, 2);
        let changed = tree.note().replacen("\n2\n", "\n3\n", 1);
        let answer = ask(&witness, format!("old 0\n\n{changed}"));
        assert_eq!((answer.status(), answer), (403, Answer::Unsigned));
        let (note, other) = (tree.note(), Tree::of("elsewhere.test/log/2026h2", 2).note());
        let (text, _) = note.rsplit_once("\n\n").unwrap();
        let (_, line) = other.rsplit_once("\n\n").unwrap();
        assert_eq!(ask(&witness, format!("old 0\n\n{text}\n\n{line}")), Answer::Unsigned);
        assert_eq!(witness.last(ORIGIN), None);
    }

    #[test]
    fn other_shards_of_a_log_are_followed_each_by_itself() {
        let witness = open(&FaultFs::new());
        let (now, next) = (Tree::of(ORIGIN, 5), Tree::of("gw.test/log/2027h1", 2));
        assert!(signed(&ask(&witness, now.body(0)), &now, &witness).is_some());
        assert!(signed(&ask(&witness, next.body(0)), &next, &witness).is_some());
        assert_eq!((witness.last(ORIGIN), witness.last("gw.test/log/2027h1")), (Some(5), Some(2)));
        let again = Tree::of("gw.test/log/2026h2.2", 1);
        assert!(signed(&ask(&witness, again.body(0)), &again, &witness).is_some());
    }

    #[test]
    fn a_proof_that_does_not_hold_is_refused() {
        let witness = open(&FaultFs::new());
        let (five, nine) = (Tree::of(ORIGIN, 5), Tree::of(ORIGIN, 9));
        ask(&witness, five.body(0));
        let honest = nine.asks(5);
        let mut changed = honest.clone();
        changed.proof.last_mut().unwrap()[0] ^= 1;
        let short = Request { proof: honest.proof[1..].to_vec(), ..honest.clone() };
        let mut long = honest.clone();
        long.proof.push([0; 32]);
        let empty = Request { proof: Vec::new(), ..honest.clone() };
        for wrong in [changed, short, long, empty] {
            let answer = ask(&witness, wrong.to_string());
            assert_eq!((answer.status(), answer), (422, Answer::Unproven));
        }
        // From nothing, or from the same tree, there is nothing to prove.
        let padded = Request { proof: vec![[0; 32]], ..five.asks(5) };
        assert_eq!(ask(&witness, padded.to_string()), Answer::Unproven);
        assert_eq!(witness.last(ORIGIN), Some(5));
        assert!(signed(&ask(&witness, nine.body(5)), &nine, &witness).is_some());
    }

    #[test]
    fn a_second_history_is_refused_and_both_are_kept_as_evidence() {
        listen();
        let disk = FaultFs::new();
        let witness = open(&disk);
        let common = Tree::of(ORIGIN, 5);
        let (one, other) = (common.clone().and(3, "true"), common.and(3, "false"));
        assert!(signed(&ask(&witness, one.body(0)), &one, &witness).is_some());
        for old in [0, 5] {
            assert_eq!(ask(&witness, other.body(old)), Answer::Elsewhere(8));
        }
        let answer = ask(&witness, other.body(8));
        assert_eq!((answer.status(), &answer), (409, &Answer::Forked));
        // Nor is its future: what it goes on from was never cosigned.
        let later = other.clone().and(4, "false");
        assert_eq!(ask(&witness, later.body(8)), Answer::Unproven);
        let kept = files(&disk, ".fork");
        let evidence = disk.bytes(&Path::new(DIR).join(&kept[0])).unwrap();
        let evidence = String::from_utf8(evidence).unwrap();
        assert!(evidence.contains(&one.note()) && evidence.contains(&other.note()), "{evidence}");
        assert!(logged().contains("the log signed two checkpoints of one size"));
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn a_body_is_read_in_one_form_only() {
        let witness = open(&FaultFs::new());
        let note = Tree::of(ORIGIN, 2).note();
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        let cases = [
            (String::new(), Malformed::Old),
            ("old 1".to_owned(), Malformed::Old),
            (format!("old  0\n\n{note}"), Malformed::Old),
            (format!("old 00\n\n{note}"), Malformed::Old),
            (format!("old +0\n\n{note}"), Malformed::Old),
            (format!("old 18446744073709551616\n\n{note}"), Malformed::Old),
            (format!("OLD 0\n\n{note}"), Malformed::Old),
            (format!("old 0\r\n\r\n{note}"), Malformed::Old),
            ("old 0\n".to_owned(), Malformed::Parted),
            (format!("old 0\n{hash}"), Malformed::Parted),
            (format!("old 0\n{note}"), Malformed::Hash),
            (format!("old 0\n{} \n\n{note}", hash.trim()), Malformed::Hash),
            (format!("old 0\nAAAA\n\n{note}"), Malformed::Hash),
            (format!("old 0\n{}\n{note}", hash.repeat(64)), Malformed::Long),
            ("old 0\n\n".to_owned(), Malformed::Checkpoint),
            (format!("old 0\n\n\n{note}"), Malformed::Checkpoint),
            (format!("old 0\n\n{}", note.trim_end()), Malformed::Checkpoint),
        ];
        for (body, why) in cases {
            let answer = ask(&witness, &body);
            assert_eq!((answer.status(), answer), (400, Answer::Malformed(why)), "{body:?}");
        }
        assert_eq!(
            ask(&witness, [b"old 0\n\n", &[0xff][..]].concat()),
            Answer::Malformed(Malformed::Text)
        );
        assert_eq!(ask(&witness, format!("old 0\n{}\n{note}", hash.repeat(63))), Answer::Unproven);
        assert_eq!(witness.last(ORIGIN), None);
    }

    #[test]
    fn of_requests_at_once_one_history_is_signed() {
        let witness = Arc::new(open(&FaultFs::new()));
        let common = Tree::of(ORIGIN, 5);
        ask(&witness, common.body(0));
        let asking: Vec<_> = (0..16)
            .map(|which| {
                let tree = common.clone().and(1 + which % 3, &format!("history {which}"));
                let witness = witness.clone();
                std::thread::spawn(move || {
                    signed(&ask(&witness, tree.body(5)), &tree, &witness).is_some()
                })
            })
            .collect();
        let signed = asking.into_iter().map(|asked| asked.join().unwrap());
        assert_eq!(signed.filter(|signed| *signed).count(), 1);
    }
}

mod state {
    use super::*;

    #[test]
    fn a_restart_goes_on_from_what_was_cosigned() {
        let disk = FaultFs::new();
        let (five, nine) = (Tree::of(ORIGIN, 5), Tree::of(ORIGIN, 9));
        ask(&open(&disk), five.body(0));
        let witness = open(&disk.after_kill());
        assert_eq!(witness.last(ORIGIN), Some(5));
        assert_eq!(ask(&witness, nine.body(0)), Answer::Elsewhere(5));
        let forked = Tree::of(ORIGIN, 4).and(1, "other");
        assert_eq!(ask(&witness, forked.body(5)), Answer::Forked);
        assert!(signed(&ask(&witness, nine.body(5)), &nine, &witness).is_some());
    }

    #[test]
    fn two_witnesses_over_one_folder_do_not_open() {
        let disk = FaultFs::new();
        let first = open(&disk);
        let second = try_open(&disk, vec![Tree::of(ORIGIN, 0).key()]).unwrap_err();
        assert!(matches!(second, WitnessError::Busy(_)), "{second}");
        drop(first);
        open(&disk);
    }

    #[test]
    fn a_damaged_or_newer_state_stops_the_witness() {
        let disk = FaultFs::new();
        ask(&open(&disk), Tree::of(ORIGIN, 5).body(0));
        let path = Path::new(DIR).join(&files(&disk, ".state")[0]);
        let whole = disk.bytes(&path).unwrap();
        let refusal = |bytes: Vec<u8>| {
            disk.damage(&path, bytes);
            try_open(&disk, vec![Tree::of(ORIGIN, 0).key()]).unwrap_err()
        };
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            refusal(changed);
            let cut = refusal(whole[..at].to_vec());
            assert!(
                matches!(cut, WitnessError::Damaged(_) | WitnessError::Newer(_)),
                "{at}: {cut}"
            );
        }
        let newer = String::from_utf8(whole.clone()).unwrap().replacen("state 1\n", "state 2\n", 1);
        assert!(matches!(refusal(newer.into_bytes()), WitnessError::Newer(_)));
        disk.damage(&path, whole);
        assert_eq!(open(&disk).last(ORIGIN), Some(5));
    }

    #[test]
    fn a_disk_that_fails_means_no_cosignature() {
        for after in 0..5 {
            let disk = FaultFs::new();
            let witness = open(&disk);
            let tree = Tree::of(ORIGIN, 5);
            disk.arm(Some(Fault { after, ..Fault::default() }));
            let failed = witness.add_checkpoint(&tree.body(0));
            assert!(failed.is_err(), "call {after}: {failed:?}");
            assert_eq!(witness.last(ORIGIN), None);
            // It is well again by itself.
            disk.arm(None);
            assert!(signed(&ask(&witness, tree.body(0)), &tree, &witness).is_some());
        }
    }

    /// Whether this witness signs the tree, from wherever it is.
    fn signs(witness: &Witness, tree: &Tree) -> bool {
        let old = witness.last(ORIGIN).unwrap_or(0).min(tree.size());
        let answer = witness.add_checkpoint(&tree.body(old));
        answer.is_ok_and(|answer| signed(&answer, tree, witness).is_some())
    }

    #[test]
    fn no_fault_and_no_power_cut_makes_it_sign_two_histories() {
        let common = Tree::of(ORIGIN, 5);
        let (one, other) = (common.clone().and(3, "one"), common.clone().and(3, "other"));
        let mut ends = [0; 3];
        for after in 0..7 {
            for lasting in [false, true] {
                for seed in 0..40 {
                    let disk = FaultFs::new();
                    let witness = open(&disk);
                    assert!(signs(&witness, &common));
                    disk.arm(Some(Fault { after, lasting, ..Fault::default() }));
                    let before = signs(&witness, &one);
                    let other_before = signs(&witness, &other);
                    let disk = disk.power_cut(seed);
                    let witness = open(&disk);
                    let (first, second) =
                        if seed % 2 == 0 { (&other, &one) } else { (&one, &other) };
                    let (first, second) = (signs(&witness, first), signs(&witness, second));
                    let (after_one, after_other) =
                        if seed % 2 == 0 { (second, first) } else { (first, second) };
                    let signed = (before || after_one, other_before || after_other);
                    let place = format!("call {after}, lasting {lasting}, seed {seed}");
                    assert!(signed != (true, true), "two histories: {place}");
                    assert!(signed != (false, false), "stuck: {place}");
                    let which = if before || other_before { 0 } else { 1 + usize::from(signed.1) };
                    ends[which] += 1;
                }
            }
        }
        assert!(ends.iter().all(|count| *count > 0), "not every case was met: {ends:?}");
    }

    #[test]
    fn what_was_cosigned_survives_a_power_cut() {
        let common = Tree::of(ORIGIN, 5);
        for seed in 0..100 {
            let disk = FaultFs::new();
            let witness = open(&disk);
            assert!(signs(&witness, &common));
            let grown = common.clone().and(seed % 7, "more");
            assert!(signs(&witness, &grown));
            let witness = open(&disk.power_cut(seed));
            assert_eq!(witness.last(ORIGIN), Some(grown.size()), "seed {seed}");
        }
    }
}

mod keys {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_no_other_way() {
        let (signer, text) = write_key("witness.test/w1", &[9; 32]).unwrap();
        assert_eq!(read_key(&text).unwrap().verifier(), signer.verifier());
        assert!(text.starts_with("PRIVATE+KEY+witness.test/w1+"));
        for (from, to) in
            [("PRIVATE", "PUBLIC"), ("w1", "w2"), ("+BAkJ", "+AQkJ"), ("CQkJ\n", "CQkK\n")]
        {
            assert!(text.contains(from), "{from} is not in the key");
            assert!(read_key(&text.replace(from, to)).is_err(), "{from} {to}");
        }
        for seed in 0..=255 {
            let (signer, text) = write_key("witness.test/w1", &[seed; 32]).unwrap();
            assert_eq!(read_key(&text).unwrap().verifier(), signer.verifier(), "{seed}");
        }
        assert!(write_key("two words", &[9; 32]).is_err());
        assert!(!format!("{signer:?}").contains("9, 9, 9"), "{signer:?}");
    }

    #[test]
    fn a_witness_follows_logs_alone_and_each_once() {
        let log = Tree::of(ORIGIN, 0).key();
        let (witness, _) = write_key("witness.test/w1", &[9; 32]).unwrap();
        let refusal = |logs| try_open(&FaultFs::new(), logs).unwrap_err();
        assert!(matches!(refusal(vec![witness.verifier().clone()]), WitnessError::NotALog(_)));
        assert!(matches!(refusal(vec![log.clone(), log]), WitnessError::Twice(_)));
    }
}
