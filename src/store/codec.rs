//! The bytes of a group: every number big-endian, every text behind its length.
//!
//! ```text
//! group   u8 format = 2 ‖ u64 size of the log before it ‖ u32 changes ‖ change…
//! change  u32 n ‖ n × (u16 len ‖ key ‖ u64 version ‖ u32 len ‖ value)        puts
//!         u32 n ‖ n × (u16 len ‖ key)                                        deletes
//!         u32 n ‖ n × (u16 len ‖ beginning of keys)                          deletes of all that begins so
//!         u32 n ‖ n × (sid16 ‖ u8 is there ‖ u32 epoch)                      epochs
//!         u32 n ‖ n × (u16 len ‖ entry ‖ nonce16 ‖ i64 ms ‖ u32 len ‖ body)  leaves
//!         u8 is there ‖ i16 year ‖ u8 month                                  bodies kept from
//! ```
//! Format 1 lacks the deletes by beginning; it is still read.

use crate::domain::{Epoch, Sid, Timestamp};

use super::{
    batch::{Change, Key, Leaf, Put},
    period::Period,
};

/// The newest format of a group, which is the one that is written.
pub(super) const FORMAT: u8 = 2;
/// The format without deletes by beginning.
const WITHOUT_PREFIXES: u8 = 1;

/// Why bytes are no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A format this program does not know.
    Newer(u8),
    /// Not what any format says.
    Bytes,
}

/// Takes bytes from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.bytes(length.into())
    }

    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    pub(super) fn period(&mut self) -> Option<Period> {
        Period::new(self.array().map(i16::from_be_bytes)?, self.u8()?)
    }
}

/// The length of something that was checked to be short enough; a longer one is cut to a length that no reader takes.
fn count16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

fn count32(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

pub(super) fn write_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&count16(bytes.len()));
    out.extend_from_slice(bytes);
}

pub(super) fn write_long(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&count32(bytes.len()));
    out.extend_from_slice(bytes);
}

pub(super) fn write_period(out: &mut Vec<u8>, period: Period) {
    out.extend_from_slice(&period.year().to_be_bytes());
    out.push(period.month());
}

/// Appends the head of a group; its changes follow.
pub(super) fn write_group_head(out: &mut Vec<u8>, log_size: u64, changes: usize) {
    out.push(FORMAT);
    out.extend_from_slice(&log_size.to_be_bytes());
    out.extend_from_slice(&count32(changes));
}

/// Appends one change.
pub(super) fn write_change(out: &mut Vec<u8>, change: &Change) {
    out.extend_from_slice(&count32(change.put.len()));
    for put in &change.put {
        write_short(out, put.key.as_bytes());
        out.extend_from_slice(&put.version.to_be_bytes());
        write_long(out, &put.value);
    }
    out.extend_from_slice(&count32(change.delete.len()));
    for key in &change.delete {
        write_short(out, key.as_bytes());
    }
    out.extend_from_slice(&count32(change.delete_prefix.len()));
    for prefix in &change.delete_prefix {
        write_short(out, prefix.as_bytes());
    }
    out.extend_from_slice(&count32(change.raise.len()));
    for (sid, epoch) in &change.raise {
        out.extend_from_slice(&sid.0);
        out.push(u8::from(epoch.is_some()));
        out.extend_from_slice(&epoch.unwrap_or_default().0.to_be_bytes());
    }
    out.extend_from_slice(&count32(change.leaves.len()));
    for leaf in &change.leaves {
        write_short(out, &leaf.entry);
        out.extend_from_slice(&leaf.nonce);
        out.extend_from_slice(&leaf.at.millis().to_be_bytes());
        write_long(out, &leaf.body);
    }
    out.push(u8::from(change.bodies_from.is_some()));
    if let Some(period) = change.bodies_from {
        write_period(out, period);
    }
}

/// Reads a group: the size of the log before it, and its changes in order.
pub(super) fn read_group(bytes: &[u8]) -> Result<(u64, Vec<Change>), Malformed> {
    let mut reader = Reader(bytes);
    let format = match reader.u8() {
        Some(format @ (FORMAT | WITHOUT_PREFIXES)) => format,
        Some(format) if format > FORMAT => return Err(Malformed::Newer(format)),
        _ => return Err(Malformed::Bytes),
    };
    let mut group = || {
        let log_size = reader.u64()?;
        let count = reader.u32()?;
        let changes =
            (0..count).map(|_| read_change(&mut reader, format)).collect::<Option<_>>()?;
        reader.0.is_empty().then_some((log_size, changes))
    };
    group().ok_or(Malformed::Bytes)
}

fn read_change(reader: &mut Reader<'_>, format: u8) -> Option<Change> {
    let mut change = Change::default();
    for _ in 0..reader.u32()? {
        let key = Key::new(reader.short()?);
        let version = reader.u64()?;
        change.put.push(Put { key, version, value: reader.long()?.to_vec() });
    }
    for _ in 0..reader.u32()? {
        change.delete.push(Key::new(reader.short()?));
    }
    let prefixes = if format == WITHOUT_PREFIXES { 0 } else { reader.u32()? };
    for _ in 0..prefixes {
        change.delete_prefix.push(Key::new(reader.short()?));
    }
    for _ in 0..reader.u32()? {
        let sid = Sid(reader.array()?);
        let is_there = reader.u8()? != 0;
        let epoch = Epoch(reader.u32()?);
        change.raise.push((sid, is_there.then_some(epoch)));
    }
    for _ in 0..reader.u32()? {
        let entry = reader.short()?.to_vec();
        let nonce = reader.array()?;
        let at = Timestamp::from_millis(i64::from_be_bytes(reader.array()?));
        change.leaves.push(Leaf { entry, nonce, body: reader.long()?.to_vec(), at });
    }
    if reader.u8()? != 0 {
        change.bodies_from = Some(reader.period()?);
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_comes_back_as_it_went_and_no_cut_of_it_does() {
        let change = Change {
            put: vec![Put { key: Key::new(b"k"), version: 3, value: b"value".to_vec() }],
            delete: vec![Key::new(b"gone")],
            delete_prefix: vec![Key::new(b"all/")],
            leaves: vec![Leaf {
                entry: b"{}".to_vec(),
                nonce: [7; 16],
                body: vec![],
                at: Timestamp::from_millis(-5),
            }],
            raise: vec![(Sid([1; 16]), Some(Epoch(9))), (Sid([2; 16]), None)],
            bodies_from: Period::new(2026, 11),
            new_segment: false,
        };
        let mut bytes = Vec::new();
        write_group_head(&mut bytes, 41, 1);
        write_change(&mut bytes, &change);
        let (log_size, changes) = read_group(&bytes).unwrap();
        assert_eq!(log_size, 41);
        assert_eq!(format!("{:?}", changes[0]), format!("{change:?}"));
        assert_eq!(changes[0].put, change.put);
        for end in 0..bytes.len() {
            assert_eq!(read_group(&bytes[..end]).unwrap_err(), Malformed::Bytes);
        }
        bytes[0] = FORMAT + 1;
        assert_eq!(read_group(&bytes).unwrap_err(), Malformed::Newer(FORMAT + 1));
    }

    #[test]
    fn a_group_of_the_first_format_is_still_read() {
        let first: &[&[u8]] = &[
            &[1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1],
            &[0, 0, 0, 1, 0, 1, b'k', 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, b'v'],
            &[0, 0, 0, 1, 0, 1, b'g'],
            &[0, 0, 0, 0],
            &[0, 0, 0, 0],
            &[0],
        ];
        let (log_size, changes) = read_group(&first.concat()).unwrap();
        assert_eq!((log_size, changes.len()), (7, 1));
        assert_eq!(changes[0].put[0].version, 3);
        assert_eq!(changes[0].delete, [Key::new(b"g")]);
        assert_eq!(changes[0].delete_prefix, []);
    }
}
