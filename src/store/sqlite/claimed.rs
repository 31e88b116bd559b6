//! What is a lane told of what it took?

use crate::store::seal::Seal;
use crate::store::sqlite::claim;
use crate::store::{Claimed, Claims, Lease, StoreError};

/// One that cannot be read must not take its neighbours along: they are under way now.
pub(super) fn claims_of(taken: claim::Taken, seal: &Seal) -> Claims {
    let claim::Taken { rows, closed_until, more, next_due, .. } = taken;
    let count = rows.len();
    let readable = |taken| claimed(taken, seal).map_err(unreadable).ok();
    let taken: Vec<Claimed> = rows.into_iter().filter_map(readable).collect();
    // There is room left that the claim took for filled.
    let more = more || taken.len() < count;
    Claims { taken, closed_until, more, next_due }
}

/// It stays `sending`, and after the next start it is for a person.
#[expect(clippy::needless_pass_by_value, reason = "it is called in place of the error")]
fn unreadable(problem: StoreError) {
    tracing::error!(error = %problem, "a message cannot be sent: {problem}");
}

fn claimed(taken: claim::TakenRow, seal: &Seal) -> Result<Claimed, StoreError> {
    let claim::TakenRow { row, age_us, kind, share } = taken;
    let attempt = row.claims;
    let message = row.into_message(seal)?;
    let age = std::time::Duration::from_micros(u64::try_from(age_us).unwrap_or(0));
    Ok(Claimed { lease: Lease { message: message.id, attempt, share }, message, kind, age })
}
