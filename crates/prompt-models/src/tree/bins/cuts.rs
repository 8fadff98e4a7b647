//! Where the bins of a numeric column end.

use super::BinOptions;

/// The smallest and largest number of every bin, from the distinct values in rising order and their weights.
pub(super) fn ranges(values: &[f64], mass: &[f64], options: BinOptions) -> (Vec<f64>, Vec<f64>) {
    let most = options.max_bins.max(1);
    let ends = if values.len() <= most {
        filled(mass, options.min_weight)
    } else {
        let total: f64 = mass.iter().sum();
        let affordable = if options.min_weight > 0.0 { (total / options.min_weight) as usize } else { most };
        even(mass, total, most.min(affordable.max(1)), options.min_weight)
    };
    let high = ends.iter().map(|&end| values[end]).collect();
    let starts = std::iter::once(0).chain(ends.iter().map(|end| end + 1));
    let low = starts.take(ends.len()).map(|start| values[start]).collect();
    (low, high)
}

/// A bin for each value, or for as many as it takes to weigh `least`; what is left over joins the last bin.
fn filled(mass: &[f64], least: f64) -> Vec<usize> {
    let mut ends = Vec::with_capacity(mass.len());
    let mut weight = 0.0;
    for (at, m) in mass.iter().enumerate() {
        weight += m;
        if weight >= least {
            ends.push(at);
            weight = 0.0;
        }
    }
    close(&mut ends, mass.len());
    ends
}

/// At most `most` bins of about equal weight. A value that weighs more than an even share is a bin by itself; the
/// others share the bins that are left, and the share is worked out anew after each bin.
fn even(mass: &[f64], total: f64, most: usize, least: f64) -> Vec<usize> {
    let heavy_from = total / most as f64;
    let heavy = |at: usize| mass.get(at).is_some_and(|m| *m >= heavy_from);
    let (mut bins_left, mut mass_left) = (most, total);
    for m in mass.iter().filter(|m| **m >= heavy_from) {
        bins_left -= 1;
        mass_left -= m;
    }
    let mut share = mass_left / bins_left.max(1) as f64;
    let mut ends = Vec::with_capacity(most);
    let mut weight = 0.0;
    for (at, m) in mass.iter().enumerate() {
        weight += m;
        if !heavy(at) {
            mass_left -= m;
        }
        let before_heavy = heavy(at + 1) && weight >= (0.5 * share).max(least);
        if heavy(at) || weight >= share.max(least) || before_heavy {
            ends.push(at);
            weight = 0.0;
            if ends.len() + 1 >= most {
                break;
            }
            if !heavy(at) {
                bins_left = bins_left.saturating_sub(1).max(1);
                share = mass_left / bins_left as f64;
            }
        }
    }
    if ends.len() < most {
        ends.push(mass.len() - 1);
        ends.dedup();
    }
    close(&mut ends, mass.len());
    ends
}

/// Lets the last bin reach the last value.
fn close(ends: &mut Vec<usize>, values: usize) {
    match ends.last_mut() {
        Some(last) => *last = values - 1,
        None if values > 0 => ends.push(values - 1),
        None => {}
    }
}

/// The number halfway between two, and never the upper one, so that `x ≤ cut` parts them.
pub(super) fn between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_values_stand_alone_and_the_rest_is_shared() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let mut mass = vec![1.0; 100];
        mass[50] = 100.0;
        let (low, high) = ranges(&values, &mass, BinOptions { max_bins: 11, min_weight: 0.0 });
        assert_eq!(low.len(), 11);
        let alone = low.iter().position(|v| *v == 50.0).unwrap();
        assert_eq!(high[alone], 50.0);
        assert_eq!((low[0], high[10]), (0.0, 99.0));
        assert!(low.iter().zip(&high).all(|(l, h)| h - l <= 10.0), "{low:?} {high:?}");
    }

    #[test]
    fn light_values_are_put_together() {
        let (low, high) =
            ranges(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0; 5], BinOptions { max_bins: 255, min_weight: 2.0 });
        assert_eq!((low, high), (vec![1.0, 3.0], vec![2.0, 5.0]));
        let (low, _) = ranges(&[], &[], BinOptions::default());
        assert!(low.is_empty());
    }

    #[test]
    fn a_cut_is_never_the_upper_number() {
        let above = f64::from_bits(1.0f64.to_bits() + 1);
        assert_eq!(between(1.0, above), 1.0);
        assert_eq!(between(f64::MIN, f64::MAX), 0.0);
        assert_eq!(between(1.0, 2.0), 1.5);
    }
}
