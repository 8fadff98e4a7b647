//! Whether decisions fall on groups alike.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Groups, spread};
use crate::check::{self, Weights};
use crate::interval::{Interval, wilson};

/// What a group's rows are decided to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRates {
    /// The group.
    pub group: String,
    /// Its rows.
    pub rows: usize,
    /// Share that is called positive.
    pub selection_rate: f64,
    /// The same with Wilson's interval; `None` with sample weights, which it does not know.
    pub selection_interval: Option<Interval>,
    /// Share of the positive rows that is called positive; `None` where there are none.
    pub true_positive_rate: Option<f64>,
    /// Share of the negative rows that is called positive; `None` where there are none.
    pub false_positive_rate: Option<f64>,
}

/// Demographic parity and equalised odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// Every group, by name.
    pub groups: Vec<GroupRates>,
    /// Largest less smallest selection rate; 0 is parity.
    pub demographic_parity_difference: f64,
    /// Smallest over largest selection rate; 1 is parity, below 0.8 is the customary alarm. `None` where nothing is called
    /// positive.
    pub demographic_parity_ratio: Option<f64>,
    /// The larger of the differences of true- and false-positive rates; `None` where no two groups have one of them.
    pub equalized_odds_difference: Option<f64>,
    /// The smaller of their ratios; `None` where no ratio is defined.
    pub equalized_odds_ratio: Option<f64>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

/// Compares decisions between groups. Reference: fairlearn 0.15.0 `demographic_parity_difference`, `…_ratio`,
/// `equalized_odds_difference`, `…_ratio`.
///
/// ```
/// use prompt_metrics::fairness::{Groups, parity};
/// let groups = Groups::new(&["a", "a", "b", "b"])?;
/// let p = parity(&[true, false, true, false], &[true, true, true, false], &groups, None)?;
/// assert_eq!((p.demographic_parity_difference, p.demographic_parity_ratio), (0.5, Some(0.5)));
/// assert_eq!(p.equalized_odds_difference, Some(1.0)); // false alarms fall on group a alone
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, one group only, bad weights, a group without weight.
pub fn parity(y_true: &[bool], y_pred: &[bool], groups: &Groups, weights: Option<&[f64]>) -> Result<Parity> {
    check::not_empty(y_true.len())?;
    check::same_length("y_pred", y_true.len(), y_pred.len())?;
    check::same_length("the groups", y_true.len(), groups.of_row().len())?;
    if groups.names().len() < 2 {
        return Err(Error::input("all rows are of one group", "give rows of two groups or more"));
    }
    let w = Weights::new(weights, y_true.len())?;
    let mut rates = Vec::new();
    let mut notes = Vec::new();
    for (g, name) in groups.names().iter().enumerate() {
        let rows = groups.rows_of(g);
        let share = |of: &dyn Fn(usize) -> bool| {
            let (mut part, mut whole) = (0.0, 0.0);
            for &i in rows.iter().filter(|&&i| of(i)) {
                whole += w.get(i);
                part += if y_pred[i] { w.get(i) } else { 0.0 };
            }
            (whole > 0.0).then(|| part / whole)
        };
        let Some(selection_rate) = share(&|_| true) else {
            return Err(Error::input(
                format!("all sample weights of group `{name}` are zero"),
                "give some row of it a positive weight, or leave the group out",
            ));
        };
        let (true_positive_rate, false_positive_rate) = (share(&|i| y_true[i]), share(&|i| !y_true[i]));
        for (kind, rate) in [("positive", true_positive_rate), ("negative", false_positive_rate)] {
            if rate.is_none() {
                notes.push(format!("group `{name}` has no {kind} rows and is left out of their rate"));
            }
        }
        let selected = rows.iter().filter(|&&i| y_pred[i]).count() as u64;
        rates.push(GroupRates {
            group: name.clone(),
            rows: rows.len(),
            selection_rate,
            selection_interval: if w.given().is_none() {
                Some(wilson(selected, rows.len() as u64, 0.95)?)
            } else {
                None
            },
            true_positive_rate,
            false_positive_rate,
        });
    }
    let apart = |rate: &dyn Fn(&GroupRates) -> Option<f64>| {
        let defined: Vec<f64> = rates.iter().filter_map(rate).collect();
        if defined.len() > 1 { spread(defined.into_iter()) } else { None }
    };
    let selection = apart(&|g| Some(g.selection_rate)).unwrap_or((0.0, None));
    let odds: Vec<(f64, Option<f64>)> =
        [apart(&|g| g.true_positive_rate), apart(&|g| g.false_positive_rate)].into_iter().flatten().collect();
    Ok(Parity {
        demographic_parity_difference: selection.0,
        demographic_parity_ratio: selection.1,
        equalized_odds_difference: odds.iter().map(|o| o.0).reduce(f64::max),
        equalized_odds_ratio: odds.iter().filter_map(|o| o.1).reduce(f64::min),
        groups: rates,
        notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_says_which() {
        let two = Groups::new(&["a", "b"]).unwrap();
        let message = |r: Result<Parity>| r.unwrap_err().to_string();
        assert!(message(parity(&[true], &[true, false], &two, None)).contains("length of y_pred"));
        assert!(message(parity(&[true], &[true], &two, None)).contains("length of the groups"));
        let one = Groups::new(&["a", "a"]).unwrap();
        assert!(message(parity(&[true; 2], &[true; 2], &one, None)).contains("one group"));
        assert!(
            message(parity(&[true; 2], &[true; 2], &two, Some(&[1.0, 0.0])))
                .contains("of group `b` are zero")
        );
    }

    #[test]
    fn groups_without_negatives_are_noted() {
        let groups = Groups::new(&["a", "b", "b"]).unwrap();
        let p = parity(&[true, true, false], &[false, false, false], &groups, None).unwrap();
        assert_eq!((p.demographic_parity_ratio, p.equalized_odds_ratio), (None, None));
        assert_eq!(p.equalized_odds_difference, Some(0.0));
        assert_eq!(p.notes, ["group `a` has no negative rows and is left out of their rate"]);
    }
}
