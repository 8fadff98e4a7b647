//! Where a study of parameter trials keeps what happened: a file, a table of a database, memory.

use serde_json::Value;

use crate::error::Result;

/// An append-only list of events that outlives the process. Object-safe.
///
/// A search over parameters writes one event when it begins and one for each trial that ended, and reads them all
/// when it is resumed. A store knows nothing of what the events say.
pub trait StudyStore: Send {
    /// Every event so far, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when it cannot be read, [`Error::Parse`](crate::Error::Parse) when it is damaged
    /// before its end.
    fn events(&mut self) -> Result<Vec<Value>>;

    /// Adds an event, which is kept even when the machine loses power once this returns.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when it cannot be written, or when another process has written meanwhile.
    fn append(&mut self, event: &Value) -> Result<()>;
}

/// A study that ends with the process.
///
/// ```
/// use prompt_core::{MemoryStudy, StudyStore};
/// let mut store = MemoryStudy::default();
/// store.append(&"first".into()).unwrap();
/// assert_eq!(store.events().unwrap(), ["first"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStudy(Vec<Value>);

impl StudyStore for MemoryStudy {
    fn events(&mut self) -> Result<Vec<Value>> {
        Ok(self.0.clone())
    }

    fn append(&mut self, event: &Value) -> Result<()> {
        self.0.push(event.clone());
        Ok(())
    }
}
