//! LightGBM's C API: rows and parameters in, the model's text out; rows and a model's text in, predictions out.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use lightgbm3_sys as c;

/// Rows to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// All numbers, row after row; NaN is missing.
    pub x: &'a [f64],
    /// Columns of a row.
    pub columns: usize,
    /// A target for every row; class numbers from 0 for classes.
    pub y: &'a [f32],
    /// A weight for every row.
    pub weights: Option<&'a [f32]>,
}

impl Data<'_> {
    fn check(&self) -> Result<(), String> {
        let cells = self.y.len().checked_mul(self.columns);
        if self.y.is_empty() || self.columns == 0 || cells != Some(self.x.len()) {
            return Err(format!(
                "{} numbers are not {} rows of {} columns",
                self.x.len(),
                self.y.len(),
                self.columns
            ));
        }
        if self.weights.is_some_and(|w| w.len() != self.y.len()) {
            return Err("there is not a weight for every row".to_owned());
        }
        if i32::try_from(self.y.len()).is_err() || i32::try_from(self.columns).is_err() {
            return Err("more rows or columns than LightGBM's interface counts".to_owned());
        }
        Ok(())
    }
}

/// What the library says of its last failure on this thread.
fn last_error() -> String {
    // SAFETY: the function takes nothing and returns a pointer to a NUL-terminated string that the library keeps for this
    // thread until its next call; it is copied here, before any.
    unsafe { CStr::from_ptr(c::LGBM_GetLastError()) }.to_string_lossy().into_owned()
}

fn checked(status: c_int) -> Result<(), String> {
    if status == 0 { Ok(()) } else { Err(last_error()) }
}

/// A data set of the library's, freed with its owner.
struct Dataset(c::DatasetHandle);

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the handle came from a successful creation and is freed once, here; no booster that uses it lives on,
        // since `train` drops its booster first.
        let _ = unsafe { c::LGBM_DatasetFree(self.0) };
    }
}

impl Dataset {
    fn new(data: &Data<'_>, parameters: &CStr) -> Result<Self, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: `x` holds rows × columns doubles, which `check` has made sure of and which are copied into bins during
        // the call; the parameters are NUL-terminated; `handle` is a place to write to.
        checked(unsafe {
            c::LGBM_DatasetCreateFromMat(
                data.x.as_ptr().cast::<c_void>(),
                c::C_API_DTYPE_FLOAT64 as c_int,
                data.y.len() as i32,
                data.columns as i32,
                1,
                parameters.as_ptr(),
                ptr::null_mut(),
                &raw mut handle,
            )
        })?;
        let dataset = Self(handle);
        dataset.set(c"label", data.y)?;
        if let Some(weights) = data.weights {
            dataset.set(c"weight", weights)?;
        }
        Ok(dataset)
    }

    fn set(&self, field: &CStr, values: &[f32]) -> Result<(), String> {
        // SAFETY: the handle is alive; the field's name is NUL-terminated; `values` holds as many floats as is said, one for
        // each row, which the library copies.
        checked(unsafe {
            c::LGBM_DatasetSetField(
                self.0,
                field.as_ptr(),
                values.as_ptr().cast::<c_void>(),
                values.len() as c_int,
                c::C_API_DTYPE_FLOAT32 as c_int,
            )
        })
    }
}

/// A booster of the library's, freed with its owner.
struct Booster(c::BoosterHandle);

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle came from a successful creation and is freed once, here.
        let _ = unsafe { c::LGBM_BoosterFree(self.0) };
    }
}

impl Booster {
    fn new(dataset: &Dataset, parameters: &CStr) -> Result<Self, String> {
        let mut handle = ptr::null_mut();
        // SAFETY: the data set is alive, and outlives the booster in `train`; the parameters are NUL-terminated; `handle`
        // is a place to write to.
        checked(unsafe { c::LGBM_BoosterCreate(dataset.0, parameters.as_ptr(), &raw mut handle) })?;
        Ok(Self(handle))
    }

    /// A model that the library saved as text.
    fn of(model: &CStr) -> Result<Self, String> {
        let (mut handle, mut rounds) = (ptr::null_mut(), 0);
        // SAFETY: the text is NUL-terminated and read during the call; `handle` and `rounds` are places to write to.
        checked(unsafe {
            c::LGBM_BoosterLoadModelFromString(model.as_ptr(), &raw mut rounds, &raw mut handle)
        })?;
        Ok(Self(handle))
    }

    /// The number of classes, or 1.
    fn outputs(&self) -> Result<usize, String> {
        let mut outputs: c_int = 0;
        // SAFETY: the handle is alive; `outputs` is a place to write to.
        checked(unsafe { c::LGBM_BoosterGetNumClasses(self.0, &raw mut outputs) })?;
        usize::try_from(outputs).map_err(|_| "a negative number of classes".to_owned())
    }

    /// The number of columns of a row.
    fn columns(&self) -> Result<usize, String> {
        let mut columns: c_int = 0;
        // SAFETY: the handle is alive; `columns` is a place to write to.
        checked(unsafe { c::LGBM_BoosterGetNumFeature(self.0, &raw mut columns) })?;
        usize::try_from(columns).map_err(|_| "a negative number of columns".to_owned())
    }

    /// One round; whether nothing is left to split.
    fn update(&mut self) -> Result<bool, String> {
        let mut finished: c_int = 0;
        // SAFETY: the handle is alive and, by `&mut self`, used by nobody else; `finished` is a place to write to.
        checked(unsafe { c::LGBM_BoosterUpdateOneIter(self.0, &raw mut finished) })?;
        Ok(finished != 0)
    }

    /// The model as the library saves it.
    fn text(&mut self) -> Result<String, String> {
        let (all, gain_of_splits) = (-1, 0);
        let mut buffer: Vec<u8> = vec![0; 1 << 20];
        loop {
            let mut needed: i64 = 0;
            // SAFETY: the handle is alive and used by nobody else; `buffer` is writable for the length that is said, and
            // the library writes no more than that; `needed` is a place to write to.
            checked(unsafe {
                c::LGBM_BoosterSaveModelToString(
                    self.0,
                    0,
                    all,
                    gain_of_splits,
                    buffer.len() as i64,
                    &raw mut needed,
                    buffer.as_mut_ptr().cast::<c_char>(),
                )
            })?;
            let needed = usize::try_from(needed).map_err(|_| "a model of negative length".to_owned())?;
            if needed <= buffer.len() {
                // The length counts the NUL at the end.
                buffer.truncate(needed.saturating_sub(1));
                return String::from_utf8(buffer).map_err(|e| format!("the model's text: {e}"));
            }
            buffer.resize(needed, 0);
        }
    }
}

/// Trains with these parameters (`name=value`, divided by spaces) for so many rounds, or until `goes_on` (called with the
/// number of the round, from 1) says no or nothing is left to split; the model's text as LightGBM saves it.
///
/// # Errors
/// What the library says, in its own words; sizes that do not fit one another.
pub fn train(
    data: &Data<'_>,
    parameters: &str,
    rounds: usize,
    mut goes_on: impl FnMut(usize) -> bool,
) -> Result<String, String> {
    data.check()?;
    let parameters = CString::new(parameters).map_err(|e| format!("parameters: {e}"))?;
    let dataset = Dataset::new(data, &parameters)?;
    let mut booster = Booster::new(&dataset, &parameters)?;
    for round in 1..=rounds {
        if booster.update()? || !goes_on(round) {
            break;
        }
    }
    booster.text()
}

/// What LightGBM itself predicts with a model that it saved as text, for rows that lie one after the other in `x`: a
/// number or the probability of class 1 for each row, or, of three and more classes, the probability of each.
///
/// # Errors
/// What the library says of the model, in its own words; rows that do not have its columns.
pub fn predict(model: &str, x: &[f64]) -> Result<Vec<f64>, String> {
    let model = CString::new(model).map_err(|e| format!("the model's text: {e}"))?;
    let booster = Booster::of(&model)?;
    let (columns, outputs) = (booster.columns()?, booster.outputs()?);
    if x.len().checked_rem(columns) != Some(0) {
        return Err(format!("{} numbers are not rows of {columns} columns", x.len()));
    }
    let rows = x.len() / columns;
    let (Ok(nrow), Ok(ncol)) = (i32::try_from(rows), i32::try_from(columns)) else {
        return Err("more rows or columns than LightGBM's interface counts".to_owned());
    };
    let mut out = vec![0.0; rows * outputs];
    let mut written: i64 = 0;
    if rows == 0 {
        return Ok(out);
    }
    // SAFETY: the handle is alive; `x` holds nrow × ncol doubles, row after row; `out` has room for as many numbers a row
    // as the model has classes, which is what a normal prediction of all rounds writes; the parameters are an empty
    // NUL-terminated string; `written` is a place to write to.
    checked(unsafe {
        c::LGBM_BoosterPredictForMat(
            booster.0,
            x.as_ptr().cast::<c_void>(),
            c::C_API_DTYPE_FLOAT64 as c_int,
            nrow,
            ncol,
            1,
            c::C_API_PREDICT_NORMAL as c_int,
            0,
            -1,
            c"".as_ptr(),
            &raw mut written,
            out.as_mut_ptr(),
        )
    })?;
    Ok(out)
}
