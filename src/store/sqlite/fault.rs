//! What does an error of `SQLite` mean for whoever called the store?

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// What may pass by itself is [`StoreError::Unavailable`], all else [`StoreError::Broken`].
impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> Self {
        if let rusqlite::Error::ToSqlConversionFailure(inside) = error
            && let Some(error) = inside.downcast_ref::<Self>()
        {
            return error.clone();
        }
        let said = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Unavailable(format!(
                "{said}: make room where the store's file is; it goes on by itself"
            )),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Unavailable(format!("{said}: another program holds the store's file"))
            }
            Some(ErrorCode::SystemIoFailure) => Self::Unavailable(format!(
                "{said}: the disk where the store's file is fails, is read-only or full (the \
                 system's log says which); it goes on by itself"
            )),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Unavailable(format!(
                    "{said}: the store's file and its folder must be there and writable"
                ))
            }
            Some(
                ErrorCode::OutOfMemory
                | ErrorCode::OperationAborted
                | ErrorCode::OperationInterrupted
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Unavailable(said),
            _ => Self::Broken(format!("the store refused an operation: {said}")),
        }
    }
}

/// What went wrong beside `SQLite`, inside an operation of the writer.
pub(super) fn within(error: StoreError) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}
