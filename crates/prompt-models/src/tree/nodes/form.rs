//! Other forms of the trees, for rows that come one at a time.

use std::sync::OnceLock;

use super::TreeNodes;
use super::compact::Compact;
use super::masks::Masks;

/// Fewer trees are walked as they are.
const FEWEST: usize = 8;

/// Built when it is first asked for; `None` inside where the trees fit no other form. It plays no part in comparisons.
#[derive(Debug, Clone, Default)]
pub(super) struct Lazy(OnceLock<Option<Form>>);

/// A form of the trees.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Masks(Masks),
    Compact(Compact),
}

impl PartialEq for Lazy {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl TreeNodes {
    /// The trees in the form that suits them, if there is one.
    pub(super) fn form(&self) -> Option<&Form> {
        if self.len() < FEWEST {
            return None;
        }
        let of = || Masks::of(self).map(Form::Masks).or_else(|| Compact::of(self).map(Form::Compact));
        self.lazy.0.get_or_init(of).as_ref()
    }

    /// To be called when trees come or go, or their leaves change.
    pub(super) fn forget_form(&mut self) {
        self.lazy = Lazy::default();
    }
}
