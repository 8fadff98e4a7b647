//! The gradient of one parameter: all its numbers, or some of its rows.
//!
//! A batch of prompts uses some hundred of an embedding's thirty thousand rows. The others' gradient is zero, and
//! writing, adding and measuring those zeros would take longer than the rest of a step on short texts.

use super::numbers::Numbers;

/// The gradient of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Grad {
    /// Of every number.
    Whole(Numbers),
    /// Of some rows; of the others it is zero.
    Rows(RowGrad),
}

/// The gradient of some rows of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowGrad {
    pub(crate) width: usize,
    /// Ascending, each once.
    pub(crate) rows: Vec<u32>,
    /// A row of `width` numbers for each of `rows`.
    pub(crate) values: Vec<f32>,
}

impl RowGrad {
    /// Of a row number for each row of `values`; those of one row are summed in the order in which they stand.
    pub(crate) fn gather(ids: &[u32], values: &[f32], width: usize) -> Self {
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&place| ids[place]);
        let mut sum = Self { width, rows: Vec::new(), values: Vec::new() };
        for place in order {
            let more = &values[place * width..(place + 1) * width];
            if sum.rows.last() == Some(&ids[place]) {
                let start = sum.values.len() - width;
                add(&mut sum.values[start..], more);
            } else {
                sum.rows.push(ids[place]);
                sum.values.extend_from_slice(more);
            }
        }
        sum
    }

    /// Row numbers and their gradients.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.rows.iter().map(|&row| row as usize).zip(self.values.chunks_exact(self.width))
    }

    fn add_to(&self, whole: &mut [f32]) {
        for (row, more) in self.iter() {
            add(&mut whole[row * self.width..(row + 1) * self.width], more);
        }
    }
}

impl Grad {
    /// Adds another of the same parameter.
    pub(crate) fn add(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Whole(sum), Self::Whole(more)) => add(sum, &more),
            (Self::Whole(sum), Self::Rows(more)) => more.add_to(sum),
            (Self::Rows(own), Self::Whole(mut sum)) => {
                own.add_to(&mut sum);
                *self = Self::Whole(sum);
            }
            (Self::Rows(own), Self::Rows(mut more)) => {
                own.rows.append(&mut more.rows);
                own.values.append(&mut more.values);
                *own = RowGrad::gather(&own.rows, &own.values, own.width);
            }
        }
    }

    /// The numbers that are not zero by construction.
    pub(crate) fn values(&self) -> &[f32] {
        match self {
            Self::Whole(values) => values,
            Self::Rows(rows) => &rows.values,
        }
    }

    /// All numbers of a parameter of `n`.
    #[cfg(test)]
    pub(crate) fn whole(self, n: usize) -> Vec<f32> {
        let mut all = Self::Whole(vec![0.0; n].into());
        all.add(self);
        all.values().to_vec()
    }
}

fn add(sum: &mut [f32], more: &[f32]) {
    sum.iter_mut().zip(more).for_each(|(s, m)| *s += m);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_as_a_whole_gradient_would_be() {
        let rows = RowGrad::gather(&[3, 0, 3], &[1.0, 2.0, 10.0, 20.0, 100.0, 200.0], 2);
        assert_eq!(rows.rows, [0, 3]);
        assert_eq!(rows.values, [10.0, 20.0, 101.0, 202.0]);
        let more = RowGrad::gather(&[1, 3], &[0.5, 0.5, 1.0, 1.0], 2);
        let whole = |grad: &RowGrad| Grad::Rows(grad.clone()).whole(8);
        let mut expected = whole(&rows);
        expected.iter_mut().zip(whole(&more)).for_each(|(s, m)| *s += m);
        assert_eq!(expected, [10.0, 20.0, 0.5, 0.5, 0.0, 0.0, 102.0, 203.0]);
        for own_is_whole in [false, true] {
            for more_is_whole in [false, true] {
                let as_grad = |grad: &RowGrad, is_whole| match is_whole {
                    true => Grad::Whole(whole(grad).into()),
                    false => Grad::Rows(grad.clone()),
                };
                let mut sum = as_grad(&rows, own_is_whole);
                sum.add(as_grad(&more, more_is_whole));
                assert_eq!(sum.whole(8), expected);
            }
        }
    }
}
