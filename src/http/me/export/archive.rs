//! An export as a ZIP archive: the document, tables for a spreadsheet, and receipts with their proofs as files.
//!
//! It is written in one go: what comes out is never gone back to. An archive that breaks off has no directory, so no tool
//! takes it for whole.

use std::io::{self, Write};

use flate2::{Compression, write::DeflateEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde::Serialize;

use super::{
    document::{Export, Source},
    each::{Broken, Each},
    items::cell,
    schema,
};
use crate::domain::Epoch;

const README: &str = include_str!("README.txt");

/// How many receipts are read at once.
const RECEIPTS: usize = 100;

struct Archive<W: Write>(ZipArchiveWriter<W>);

/// Writes the archive.
pub(super) fn write(source: Source<'_>, out: &mut dyn Write) -> Result<(), Broken> {
    let export = Export::of(source);
    let mut archive = Archive(ZipArchiveWriter::new(out));
    archive.text("README.txt", README)?;
    archive.file("export.json", |file| Ok(serde_json::to_writer(file, &export)?))?;
    archive.file("export.schema.json", |file| {
        Ok(serde_json::to_writer_pretty(file, &schema::document())?)
    })?;
    tables(&mut archive, &export)?;
    receipts(&mut archive, source)?;
    archive.0.finish().map_err(zipped)?;
    Ok(())
}

fn tables<W: Write>(archive: &mut Archive<W>, export: &Export<'_>) -> Result<(), Broken> {
    let Export { provided, observed, derived, .. } = export;
    archive.table(
        "consents.csv",
        &[
            "id",
            "purpose",
            "state",
            "since",
            "expires_at",
            "objected_at",
            "categories",
            "by_guardian",
        ],
        &provided.consents,
    )?;
    archive.table(
        "acts.csv",
        &["id", "epoch", "at", "action", "purpose", "method", "categories", "expires_at", "log"],
        &provided.acts,
    )?;
    let decisions = [
        "id",
        "at",
        "call",
        "purpose",
        "recipient",
        "tier",
        "reason",
        "outcome",
        "used",
        "withheld",
        "sent",
        "answer",
        "log",
    ];
    archive.table("decisions.csv", &decisions, &observed.decisions)?;
    let meetings = ["id", "purpose", "category", "at", "items", "in_use", "kept_until"];
    archive.table("meetings.csv", &meetings, &observed.meetings)?;
    let told = ["id", "purpose", "category", "at", "body", "in_use"];
    archive.table("told.csv", &told, &observed.told)?;
    let tastes = ["id", "purpose", "category", "in_use", "days", "undated"];
    archive.table("tastes.csv", &tastes, &derived.tastes)
}

/// Receipts, each with its row and what proves that the row stands in the log.
fn receipts<W: Write>(archive: &mut Archive<W>, source: Source<'_>) -> Result<(), Broken> {
    for (id, person) in source.ids() {
        let mut before: Option<Epoch> = None;
        loop {
            let page = source.edge.rights.receipts_of(person, before, RECEIPTS)?;
            for act in page.acts {
                let name = format!("{id}-{}", act.of.epoch.0);
                if let Some(receipt) = &act.of.receipt {
                    archive.text(&format!("receipts/{name}.jwt"), receipt)?;
                }
                if let Some(entry) = &act.entry {
                    archive.text(&format!("proofs/{name}.row.json"), entry)?;
                }
                if let Some(proof) = &act.proof {
                    archive.text(&format!("proofs/{name}.tlog-proof"), proof)?;
                }
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
    }
    Ok(())
}

impl<W: Write> Archive<W> {
    fn text(&mut self, name: &str, text: &str) -> Result<(), Broken> {
        self.file(name, |file| Ok(file.write_all(text.as_bytes())?))
    }

    fn file(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let file = self.0.new_file(name).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().map_err(zipped)?;
        let mut content = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        write(&mut content)?;
        let (deflated, descriptor) = content.finish().map_err(zipped)?;
        deflated.finish()?;
        entry.finish(descriptor).map_err(zipped)?;
        Ok(())
    }

    /// A list as a table of the members that `columns` names.
    fn table<T: Serialize>(
        &mut self,
        name: &str,
        columns: &[&str],
        rows: &Each<'_, T>,
    ) -> Result<(), Broken> {
        self.file(name, |file| {
            let mut table = csv::Writer::from_writer(file);
            table.write_record(columns)?;
            rows.each(|row| {
                let row = serde_json::to_value(row)?;
                let cells =
                    columns.iter().map(|column| row.get(column).map(cell).unwrap_or_default());
                Ok(table.write_record(cells)?)
            })?;
            Ok(table.flush()?)
        })
    }
}

fn zipped(error: rawzip::Error) -> Broken {
    Broken::Write(io::Error::other(error))
}
