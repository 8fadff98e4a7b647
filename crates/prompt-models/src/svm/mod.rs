//! Support vector machines with kernels: boundaries and curves of any shape, from rows that lie close to them.
//!
//! The time of a fit grows with the square of the rows: some ten thousand are well served, for more take
//! [`LinearSvm`](crate::linear::LinearSvm) or trees.

mod cache;
mod exp;
mod kernel;
mod machine;
mod model;
mod smo;
mod svc;
mod svr;

pub use kernel::{Gamma, Kernel};
pub use model::SvmModel;
pub use svc::Svc;
pub use svr::Svr;

use prompt_core::Params;
use prompt_core::artifact::Catalog;
use serde_json::json;

use crate::learners::{Entry, boxed};

/// Kernel machines by name.
pub(crate) const ENTRIES: &[Entry] = &[Entry {
    name: Svc::NAME,
    classifier: Some(boxed::<Svc>),
    regressor: Some(boxed::<Svr>),
    grid: |_| vec![("c", vec![json!(0.1), json!(1.0), json!(10.0), json!(100.0)])],
}];

/// Teaches a catalog to read a fitted kernel machine.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<SvmModel>(model::KIND);
}

#[cfg(test)]
mod examination {
    use prompt_core::{Dense, Fit, FitContext, Matrix, Params, Target};

    use super::*;
    use crate::linear::Calibration;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        register(&mut catalog);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        svc: Svc::default();
        svc_poly: Svc::default().kernel(Kernel::Poly).coef0(1.0).calibration(Calibration::None);
        svr: Svr::default().c(10.0);
        svr_linear: Svr::default().kernel(Kernel::Linear);
    }

    #[test]
    fn kernel_values_that_overflow_are_refused_by_name() {
        let x = Matrix::from(Dense::from_rows(&[[1e3, 2e3], [3e3, 1e3], [2e3, 9e3], [4e3, 3e3]]));
        let y = Target::labels(["a", "b", "a", "b"]);
        let wild = Svc::default().kernel(Kernel::Poly).degree(100).gamma(Gamma::Value(1.0));
        let error = wild.fit(&x, &y, &FitContext::new(1)).unwrap_err().to_string();
        assert_eq!(
            error,
            "svm: the fit came to numbers that are not finite; scale the columns, or lower gamma, degree, coef0"
        );
    }

    #[test]
    fn an_illegal_gamma_is_shown_as_it_was_given() {
        let error = Svc::default().with_param("gamma", &0.into()).unwrap_err().to_string();
        assert_eq!(error, "svm: parameter `gamma` must be scale, auto or a number > 0, got 0");
    }
}
