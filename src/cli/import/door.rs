//! Where an import goes: the gateway that runs, or the one that is at rest.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::super::operator::{Gateway, OperatorArgs};
use crate::{
    app::AppError,
    domain::TenantId,
    operate::imports::{ImportId, Kind, Progress},
};

/// One import and the way in.
pub(super) struct Door {
    gateway: Gateway,
    kind: Kind,
    id: ImportId,
    tenant: TenantId,
}

/// What became of a chunk.
#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) progress: Progress,
    pub(super) rejected: Vec<Rejected>,
}

/// A row that was refused.
#[derive(Debug, Deserialize)]
pub(super) struct Rejected {
    pub(super) row: u64,
    pub(super) reason: String,
    pub(super) field: Option<String>,
}

impl Door {
    pub(super) fn open(
        args: &OperatorArgs,
        kind: Kind,
        id: ImportId,
        tenant: &TenantId,
    ) -> Result<Self, AppError> {
        Ok(Self { gateway: Gateway::reach(args)?, kind, id, tenant: tenant.clone() })
    }

    /// How far the import has come; `None` if it was never begun.
    pub(super) fn progress(&self) -> Result<Option<Progress>, AppError> {
        let told =
            self.gateway.call(Method::GET, &format!("/v1/operate/imports/{}", self.id), None)?;
        if told.get("kind").is_none_or(Value::is_null) {
            return Ok(None);
        }
        read(told).map(Some)
    }

    /// Hands in the rows that stand after the first `from`.
    pub(super) fn take(&self, from: u64, rows: &[Bytes], last: bool) -> Result<Taken, AppError> {
        let mut body = BytesMut::with_capacity(rows.iter().map(|row| row.len() + 1).sum());
        for row in rows {
            body.put_slice(row);
            body.put_u8(b'\n');
        }
        let (kind, id, tenant) = (self.kind.as_str(), self.id, &self.tenant);
        let path = format!(
            "/v1/operate/imports/{kind}?import={id}&from={from}&tenant={tenant}&last={last}"
        );
        read(self.gateway.call_with(Method::POST, &path, "application/x-ndjson", body.freeze())?)
    }
}

fn read<T: for<'de> Deserialize<'de>>(told: Value) -> Result<T, AppError> {
    let other = |_| AppError::Refused("the gateway is of another version".to_owned());
    serde_json::from_value(told).map_err(other)
}
