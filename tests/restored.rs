//! A state that came from a backup: nobody above tier `none` on what it says, until it is shown to be whole or answered for.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::path::{Path, PathBuf};

use consentry::{
    ambient::{Clock, Fs as _},
    domain::Timestamp,
    store::{RestoreRequest, backups_in, restore},
    vault::{Highwater, KeyEvent, Mark},
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    house::House,
    wiring::{self, fresh_folder},
};

impl House {
    async fn open(&self) -> Stage {
        self.open_with(|_| {}).await
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// A gateway where ada agreed, a backup was taken, and ada took it back after; stopped in order.
    async fn with_a_withdrawal_after_the_backup() -> Self {
        let house = Self::new();
        let stage = house.open().await;
        stage.shelves(120, 7).await;
        let ada = stage.known_as("ada");
        ada.gives().await;
        let order = json!({"dir": house.folder.join("backups")});
        let taken = stage.operate("post", "/v1/operate/backups").json(&order).send().await;
        assert_eq!(taken.status, 201, "{}", taken.body);
        assert_eq!(taken.json()["rows"].as_u64().unwrap() + 1, stage.log().await.len() as u64);
        ada.withdraws().await;
        stage.behind().log.publish().unwrap();
        stage.stop().await;
        house
    }

    /// Puts the backup in place, with the journal of the folder that was there if asked for.
    fn restores(&self, with_journal: bool) {
        let from = backups_in(&self.disk, &self.folder.join("backups")).unwrap().pop().unwrap();
        let journal = with_journal.then(|| {
            let (there, saved) = (self.store().join("journal"), self.folder.join("saved"));
            for name in self.disk.list(&there).unwrap() {
                self.disk.link(&there.join(&name), &saved.join(&name)).unwrap();
            }
            saved
        });
        let now = Timestamp::from_millis(1_800_000_000_000);
        let request = RestoreRequest { from, journal, to: self.store(), now };
        restore(&self.disk, &request, &mut |_, _| {}).unwrap();
    }
}

/// The outcomes of the rows that tell of a restored state.
async fn told(stage: &Stage) -> Vec<String> {
    let rows = stage.log().await;
    let rows = rows.iter().filter(|row| row.event() == "state.restored");
    rows.map(|row| row.leaf["o"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_state_that_lacks_a_withdrawal_makes_nobody_personal_until_it_is_confirmed() {
    let house = House::with_a_withdrawal_after_the_backup().await;
    house.restores(false);
    let stage = house.open().await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    house.model.forget_what_was_seen();
    assert_eq!(ada.stands(RECOMMEND).await["state"], "given", "the withdrawal is missing");
    let answer = shop.asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(answer["decision"]["fault"], "state_restored", "{answer}");
    shop.reports(&[&ada], "item-1").await;
    let bob = stage.known_as("bob");
    bob.gives().await;
    is_for_everybody(&shop.asks_for(&bob).await, 10);
    for seen in house.model.seen() {
        let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
        assert_eq!(body.get("user"), None, "someone was named: {}", seen.body);
    }
    // The doubt outlives a start, and the mark does not come down to the restored state.
    stage.stop().await;
    let stage = house.open().await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    assert_eq!(told(&stage).await, ["in_doubt"]);
    // The log goes on under a new name before anything is said in it.
    let rows = stage.log().await;
    let at = |event: &str| rows.iter().rposition(|row| row.event() == event).unwrap();
    let opened = at("log.opened");
    assert_eq!(rows[opened].leaf["r"], "restored");
    assert!(opened < at("state.restored"), "a row of the restore stands under the name of before");
    ada.withdraws().await;
    let confirm = || stage.operate("post", "/v1/operate/confirm-restored").send();
    assert_eq!(confirm().await.json()["was_in_doubt"], true);
    assert_eq!(confirm().await.json()["was_in_doubt"], false);
    assert_eq!(told(&stage).await, ["in_doubt", "confirmed"]);
    let bob = stage.known_as("bob");
    assert_eq!(shop.asks_for(&bob).await["tier"], "individual");
    is_for_everybody(&shop.asks_for(&stage.known_as("ada")).await, 10);
    stage.stop().await;
    // The one that was dropped still holds its door for a moment.
    let stage = house.open_with(|set| set.door = Some("127.0.0.1:0".to_owned())).await;
    assert!(!stage.behind().ledger.is_in_doubt());
}

#[tokio::test]
async fn a_state_with_its_journal_replayed_is_whole() {
    let house = House::with_a_withdrawal_after_the_backup().await;
    house.restores(true);
    let stage = house.open().await;
    let ada = stage.known_as("ada");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "withdrawn");
    let answer = stage.shopkeeper().asks_for(&ada).await;
    assert_eq!(answer["decision"]["reasons"][0]["reason"], "withdrawn");
    assert_eq!(answer["decision"]["fault"], Value::Null, "{answer}");
    assert_eq!(told(&stage).await, ["whole"]);
}

#[tokio::test]
async fn a_folder_that_was_put_back_by_hand_is_noticed_too() {
    let house = House::new();
    let stage = house.open().await;
    stage.shelves(20, 7).await;
    stage.known_as("ada").gives().await;
    let earlier = house.disk.after_kill();
    stage.known_as("ada").withdraws().await;
    stage.stop().await;
    let house = House { disk: earlier, ..house };
    let stage = house.open().await;
    let answer = stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    assert_eq!(answer["decision"]["fault"], "state_restored", "{answer}");
    assert_eq!(told(&stage).await, ["in_doubt"]);
}

#[tokio::test]
async fn a_key_that_was_destroyed_does_not_come_back_with_a_backup() {
    let house = House::with_a_withdrawal_after_the_backup().await;
    let stage = house.open().await;
    let erased = stage.find("ada").unwrap().key.commitment(KeyEvent::Erased);
    stage.stop().await;
    assert!(Highwater::read(&house.keys()).unwrap().unwrap().closed, "it was stopped in order");
    Mark::read(&house.keys(), "gw.test/log").unwrap().erase(erased).unwrap();
    house.restores(false);
    let stage = house.open().await;
    assert!(stage.find("ada").is_none(), "she came back");
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "unknown");
    stage.known_as("ada").gives().await;
    assert!(stage.find("ada").is_some(), "she may come anew, as someone else");
    stage.stop().await;
    assert!(
        Mark::read(&house.keys(), "gw.test/log").unwrap().destroyed().unwrap().contains(&erased)
    );
}

#[tokio::test]
async fn thousands_of_erasures_do_not_keep_a_gateway_from_starting() {
    let house = House::new();
    house.open().await.stop().await;
    let mark = Mark::read(&house.keys(), "gw.test/log").unwrap();
    let commitment = |number: u64| [number.to_be_bytes(); 4].concat().try_into().unwrap();
    // What can be read as a secret has 64 KiB at most: 2047 of them.
    for number in 0..2100 {
        mark.erase(commitment(number)).unwrap();
    }
    let stage = house.open().await;
    stage.known_as("ada").gives().await;
    stage.stop().await;
    let destroyed = Mark::read(&house.keys(), "gw.test/log").unwrap().destroyed().unwrap();
    assert_eq!(destroyed, (0..2100).map(commitment).collect());
}

#[tokio::test]
async fn a_clean_stop_and_a_start_are_no_restore() {
    let house = House::new();
    let stage = house.open().await;
    stage.shelves(20, 7).await;
    stage.known_as("ada").gives().await;
    stage.stop().await;
    let stage = house.open().await;
    assert_eq!(stage.shopkeeper().asks_for(&stage.known_as("ada")).await["tier"], "individual");
    assert_eq!(told(&stage).await, Vec::<String>::new());
    // After a kill the mark is older than the state, which is no doubt either.
    let house = House { disk: house.disk.after_kill(), ..house };
    drop(stage);
    assert!(!house.open().await.behind().ledger.is_in_doubt());
}

#[tokio::test]
async fn backups_are_refused_beside_the_keys_and_where_nobody_said() {
    let house = House::new();
    let stage = house.open().await;
    let link = house.folder.join("elsewhere");
    std::os::unix::fs::symlink(house.keys(), &link).unwrap();
    let beside = house.folder.join("store/../keys/b");
    for dir in [
        json!(house.keys().join("backups")),
        json!(house.folder),
        json!(link.join("backups")),
        json!(beside),
        Value::Null,
    ] {
        let order = stage.operate("post", "/v1/operate/backups").json(&json!({"dir": dir}));
        let refused = order.send().await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (422, "invalid-body"));
    }
    let status = stage.behind().backups.status();
    assert_eq!((status.taken, status.failed), (0, 5));
    assert!(!Path::new(&house.keys().join("backups")).exists());
}

#[tokio::test]
async fn data_without_their_file_key_are_left_as_they_are() {
    let folder = fresh_folder();
    let open = || {
        let folder = folder.clone();
        Stage::set(move |set| (set.disk, set.folder) = (None, Some(folder)))
    };
    let stage = open().await;
    stage.known_as("ada").gives().await;
    stage.stop().await;
    let (key, aside) = (folder.join("store/file.key"), folder.join("file.key"));
    std::fs::rename(&key, &aside).unwrap();
    let at = folder.clone();
    let refused = tokio::task::spawn_blocking(move || {
        let mut set = wiring::Set::new(Clock::System);
        (set.disk, set.folder) = (None, Some(at));
        wiring::try_start(set).map(drop).unwrap_err().to_string()
    });
    let refused = refused.await.unwrap();
    assert!(refused.contains("file.key is missing"), "{refused}");
    assert!(!key.exists(), "a key was made that opens nothing");
    std::fs::rename(&aside, &key).unwrap();
    assert_eq!(open().await.known_as("ada").stands(RECOMMEND).await["state"], "given");
}
