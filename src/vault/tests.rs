//! The key hierarchy against its published vectors, and what must not open.

use super::*;
use crate::domain::{IdType, Profile, UserId, hex};
use crate::store::Record;

fn bytes<const N: usize>(from: u8) -> [u8; N] {
    let mut next = from;
    [(); N].map(|()| {
        next = next.wrapping_add(1);
        next.wrapping_sub(1)
    })
}

fn ada() -> SubjectKey {
    SubjectKey::new(Sid([7; 16]), Zeroizing::new(bytes(0)))
}

fn tenant() -> Tenant {
    let root: [u8; 32] = bytes(0x20);
    let lookup = expand(&root, &[b"consentry/lookup/v1", &1u32.to_be_bytes()]);
    let retry = expand(&root, &[b"consentry/retry/v1"]);
    let cursor = expand(&root, &[b"consentry/cursor/v1"]);
    Tenant {
        name: TenantId::parse("t1").unwrap(),
        lookup: hmac::Key::new(hmac::HMAC_SHA256, lookup.as_slice()),
        retry: hmac::Key::new(hmac::HMAC_SHA256, retry.as_slice()),
        cursor: hmac::Key::new(hmac::HMAC_SHA256, cursor.as_slice()),
    }
}

#[test]
fn a_handle_is_the_published_vector() {
    let subject =
        SubjectRef::new(IdType::user_id(), UserId::parse("jane\u{301}@example.com").unwrap());
    assert_eq!(
        hex(&tenant().handle(&subject).0),
        "6f1239265b61b0973dda490866d56c91c4ebb24c40a530acd42691633d1db047"
    );
}

#[test]
fn each_profile_of_an_account_is_a_person_of_its_own() {
    let of = |profile: Option<&str>| {
        let id = UserId::parse("living-room-7").unwrap();
        let profile = profile.map(|name| Profile::parse(name).unwrap());
        tenant().handle(&SubjectRef { profile, ..SubjectRef::new(IdType::user_id(), id) })
    };
    let all = [of(None), of(Some("mina")), of(Some("haru"))];
    assert_eq!(all[1], of(Some("mina")));
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

#[test]
fn the_hashes_of_a_call_with_a_key_are_the_published_vectors() {
    let name: [&[u8]; 5] = [b"key", b"app", b"shop", b"POST /v1/consents", b"8e03978e-40d5"];
    assert_eq!(
        hex(&tenant().retry_mac(&name)),
        "3b8f38fb707c3a58808fbe6a5a7f858475c9c7f8bd4ac7aecfc104fc04db2db2"
    );
    assert_eq!(
        hex(&tenant().retry_mac(&[b"call", b"{}", &[0]])),
        "0df0d045cae905db524530bee64f264e237dac92400e19da984f116947bfeaa6"
    );
}

#[test]
fn key_commitments_are_the_published_vectors() {
    assert_eq!(
        hex(&ada().commitment(KeyEvent::Created)),
        "f1e53641c2377d55c50c6c5057adeb41b0a090239443b58540fa63e057301040"
    );
    assert_eq!(
        hex(&ada().commitment(KeyEvent::Erased)),
        "1d7ddd420dfc9c56169914b0a02e37e4229c3417702364e995489aefca992c57"
    );
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Note(String);

impl Sealable for Note {
    const SCHEMA: u8 = 1;
}

fn sealed() -> (Key, Put) {
    let key = Key::new(b"s/ada");
    let put = ada().seal(&Entropy::seeded(1), key.clone(), Some(4), &Note("jazz".into())).unwrap();
    (key, put)
}

#[test]
fn a_record_opens_at_its_own_key_and_version_alone() {
    let (key, put) = sealed();
    assert_eq!(put.version, 5);
    let record = |version| Record { version, value: put.value.clone() };
    assert_eq!(ada().open::<Note>(&key, &record(5)).unwrap(), Note("jazz".into()));
    assert!(matches!(ada().open::<Note>(&key, &record(4)), Err(VaultError::Sealed)));
    assert!(matches!(ada().open::<Note>(&Key::new(b"s/bob"), &record(5)), Err(VaultError::Sealed)));
    let other = SubjectKey::new(Sid([7; 16]), Zeroizing::new(bytes(1)));
    assert!(matches!(other.open::<Note>(&key, &record(5)), Err(VaultError::Sealed)));
    assert!(!put.value.windows(4).any(|w| w == b"jazz"));
}

#[test]
fn every_flipped_bit_of_a_record_is_noticed() {
    let (key, put) = sealed();
    for bit in 0..put.value.len() * 8 {
        let mut value = put.value.clone();
        value[bit / 8] ^= 1 << (bit % 8);
        assert!(ada().open::<Note>(&key, &Record { version: 5, value }).is_err(), "bit {bit}");
    }
}

#[test]
fn a_wrap_belongs_to_one_person() {
    let folder = std::env::temp_dir().join(format!("consentry-keeper-{}", std::process::id()));
    let entropy = Entropy::seeded(2);
    let keeper = Keeper::open(&folder, false, &entropy).unwrap();
    let wrap = keeper.wrap(&entropy, Sid([1; 16]), &[9; 32]).unwrap();
    let again = Keeper::open(&folder, true, &Entropy::seeded(3)).unwrap();
    assert_eq!(*again.unwrap(Sid([1; 16]), &wrap).unwrap(), [9; 32]);
    assert_eq!(again.public_key(), keeper.public_key());
    assert!(matches!(again.unwrap(Sid([2; 16]), &wrap), Err(VaultError::Sealed)));
    let mut older = wrap;
    older[3] = 0;
    assert!(matches!(again.unwrap(Sid([1; 16]), &older), Err(VaultError::NoKek(0))));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(Keeper::open(&folder, true, &entropy), Err(KeeperError::Lost(_))));
    std::fs::remove_dir_all(&folder).unwrap();
}

fn keeper_folder(name: &str) -> std::path::PathBuf {
    let name = format!("consentry-keeper-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn slots(folder: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("kek")).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_new_key_stands_beside_the_old_one_until_that_is_destroyed_in_turns() {
    let (folder, entropy) = (keeper_folder("turns"), Entropy::seeded(4));
    let keeper = Keeper::open(&folder, false, &entropy).unwrap();
    for epoch in 2..6 {
        let older = keeper.wrap(&entropy, Sid([1; 16]), &[9; 32]).unwrap();
        assert_eq!(keeper.add(&entropy).unwrap(), epoch);
        assert_eq!(keeper.add(&entropy).unwrap(), epoch, "one at a time");
        let newer = keeper.wrap(&entropy, Sid([1; 16]), &[8; 32]).unwrap();
        // A process that is killed here finds both, and wraps under the newer.
        let found = Keeper::open(&folder, true, &entropy).unwrap();
        assert!(found.is_rotating() && found.epoch() == epoch);
        assert_eq!(*found.unwrap(Sid([1; 16]), &older).unwrap(), [9; 32]);
        keeper.destroy_older().unwrap();
        assert_eq!(slots(&folder), [if epoch % 2 == 0 { "kek-b" } else { "kek-a" }]);
        assert!(!keeper.is_rotating());
        let gone = keeper.unwrap(Sid([1; 16]), &older);
        assert!(matches!(gone, Err(VaultError::NoKek(of)) if of == epoch - 1));
        assert_eq!(*keeper.unwrap(Sid([1; 16]), &newer).unwrap(), [8; 32]);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_key_that_was_being_overwritten_when_the_process_ended_is_no_key_and_goes() {
    let (folder, entropy) = (keeper_folder("half"), Entropy::seeded(5));
    drop(Keeper::open(&folder, false, &entropy).unwrap());
    std::fs::write(folder.join("kek-b.gone"), [0; 20]).unwrap();
    std::fs::write(folder.join("kek-b.tmp"), b"CKEK").unwrap();
    let keeper = Keeper::open(&folder, true, &entropy).unwrap();
    assert_eq!((keeper.epoch(), keeper.is_rotating()), (1, true));
    keeper.destroy_older().unwrap();
    assert_eq!((slots(&folder), keeper.is_rotating()), (vec!["kek-a".to_owned()], false));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_file_key_is_wrapped_anew_and_stays_what_it_is() {
    let (folder, entropy) = (keeper_folder("file"), Entropy::seeded(6));
    let keeper = Keeper::open(&folder, false, &entropy).unwrap();
    let path = folder.join("file.key");
    let wrap = keeper.wrap(&entropy, FILE_KEY, &[7; 32]).unwrap();
    crate::ambient::create_secret(&path, &wrap).unwrap();
    keeper.add(&entropy).unwrap();
    Keeper::holds_key_of(&folder, &path).unwrap();
    keeper.rewrap_file(&entropy, &path).unwrap();
    let first = std::fs::read(&path).unwrap();
    keeper.rewrap_file(&entropy, &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first, "once is enough");
    keeper.destroy_older().unwrap();
    assert_eq!(*keeper.unwrap(FILE_KEY, &first.try_into().unwrap()).unwrap(), [7; 32]);
    let older = folder.join("older.key");
    crate::ambient::create_secret(&older, &wrap).unwrap();
    let refused = Keeper::holds_key_of(&folder, &older).unwrap_err().to_string();
    assert!(refused.contains("key 1 was destroyed"), "{refused}");
    std::fs::remove_dir_all(&folder).unwrap();
}
