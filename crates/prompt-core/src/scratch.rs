//! Memory that a caller keeps between calls, so that scoring one prompt allocates nothing once it is warm.

use std::any::Any;

/// A slot for whatever a stage wants to keep between rows; each stage of a pipeline gets its own.
///
/// ```
/// use prompt_core::Scratch;
/// let mut scratch = Scratch::new();
/// scratch.get::<Vec<u32>>().push(1);
/// assert_eq!(scratch.get::<Vec<u32>>(), &[1]);
/// ```
#[derive(Default)]
pub struct Scratch(Option<Box<dyn Any + Send>>);

impl Scratch {
    /// An empty slot.
    pub const fn new() -> Self {
        Self(None)
    }

    /// The kept value of type `T`, made by default when the slot is empty or held another type.
    pub fn get<T: Default + Send + 'static>(&mut self) -> &mut T {
        if !self.0.as_ref().is_some_and(|kept| kept.is::<T>()) {
            self.0 = Some(Box::new(T::default()));
        }
        match self.0.as_mut().and_then(|kept| kept.downcast_mut::<T>()) {
            Some(kept) => kept,
            None => unreachable!("the slot was filled with this type two lines above"),
        }
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Scratch(warm)" } else { "Scratch(empty)" })
    }
}
