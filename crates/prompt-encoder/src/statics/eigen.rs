//! Eigenvectors of a symmetric matrix: Householder's form with three diagonals, then QL steps with implicit shifts
//! (Golub and Van Loan, Matrix Computations, 8.3).

/// Eigenvalues from largest to smallest, and the eigenvector of each as a row.
///
/// `a` is symmetric, n × n. Of each vector the entry that is largest in size is positive. Time grows with n³.
pub(super) fn symmetric(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (mut diagonal, mut beside, mut rows) = tridiagonal(&mut a, n);
    for at in 0..n {
        // Two or three steps are usual; the bound holds for numbers that are not finite.
        for _ in 0..64 {
            if !step(at, &mut diagonal, &mut beside, &mut rows) {
                break;
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| diagonal[*j].total_cmp(&diagonal[*i]).then(i.cmp(j)));
    let values = order.iter().map(|&i| diagonal[i]).collect();
    let vectors = order
        .iter()
        .map(|&i| {
            let row = std::mem::take(&mut rows[i]);
            let largest = row.iter().copied().fold(0.0, |m: f64, v| if v.abs() > m.abs() { v } else { m });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            row.iter().map(|v| sign * v).collect()
        })
        .collect();
    (values, vectors)
}

/// The diagonal, the numbers beside it, and the rows of Q with A = Qᵀ·T·Q.
fn tridiagonal(a: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>, Vec<Vec<f64>>) {
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let mut beside = vec![0.0; n];
    for k in 0..n.saturating_sub(1) {
        let first = k + 1;
        let mut v: Vec<f64> = (first..n).map(|i| a[i * n + k]).collect();
        let length = dot(&v, &v).sqrt();
        let alpha = if v[0] > 0.0 { -length } else { length };
        beside[k] = alpha;
        v[0] -= alpha;
        let norm = dot(&v, &v).sqrt();
        if norm == 0.0 {
            continue;
        }
        v.iter_mut().for_each(|x| *x /= norm);
        // A ← (1 − 2vvᵀ)·A·(1 − 2vvᵀ) on what is left of it.
        let mut p: Vec<f64> = (first..n).map(|i| dot(&a[i * n + first..(i + 1) * n], &v)).collect();
        let shift = dot(&p, &v);
        p.iter_mut().zip(&v).for_each(|(p, v)| *p -= shift * v);
        for i in first..n {
            let (vi, pi) = (v[i - first], p[i - first]);
            for ((x, v), p) in a[i * n + first..(i + 1) * n].iter_mut().zip(&v).zip(&p) {
                *x -= 2.0 * (vi * p + pi * v);
            }
        }
        let mut sum = vec![0.0; n];
        for (v, row) in v.iter().zip(&rows[first..]) {
            sum.iter_mut().zip(row).for_each(|(s, r)| *s += v * r);
        }
        for (v, row) in v.iter().zip(&mut rows[first..]) {
            row.iter_mut().zip(&sum).for_each(|(r, s)| *r -= 2.0 * v * s);
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), beside, rows)
}

/// One QL step on the block that begins at `at`; false when the number beside the diagonal there has gone.
fn step(at: usize, diagonal: &mut [f64], beside: &mut [f64], rows: &mut [Vec<f64>]) -> bool {
    let n = diagonal.len();
    let small = |i: &usize| beside[*i].abs() <= f64::EPSILON * (diagonal[*i].abs() + diagonal[i + 1].abs());
    let end = (at..n - 1).find(small).unwrap_or(n - 1);
    if end == at {
        return false;
    }
    let half = (diagonal[at + 1] - diagonal[at]) / (2.0 * beside[at]);
    let root = half.hypot(1.0);
    let mut g = diagonal[end] - diagonal[at] + beside[at] / (half + root.copysign(half));
    let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
    for i in (at..end).rev() {
        let (f, b) = (sine * beside[i], cosine * beside[i]);
        let r = f.hypot(g);
        beside[i + 1] = r;
        if r == 0.0 {
            diagonal[i + 1] -= shift;
            beside[end] = 0.0;
            return true;
        }
        (sine, cosine) = (f / r, g / r);
        g = diagonal[i + 1] - shift;
        let turned = (diagonal[i] - g) * sine + 2.0 * cosine * b;
        shift = sine * turned;
        diagonal[i + 1] = g + shift;
        g = cosine * turned - b;
        let (left, right) = rows.split_at_mut(i + 1);
        for (x, y) in left[i].iter_mut().zip(right[0].iter_mut()) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
    diagonal[at] -= shift;
    beside[at] = g;
    beside[end] = 0.0;
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    #[test]
    fn vectors_are_orthonormal_and_the_matrix_stretches_them_by_their_values() {
        let mut rng = Seed::new(3).rng();
        for n in [1, 2, 3, 7, 40] {
            let b: Vec<f64> = (0..n * n).map(|_| rng.unit() - 0.5).collect();
            let at = |i: usize, j: usize| (0..n).map(|k| b[i * n + k] * b[j * n + k]).sum::<f64>();
            let a: Vec<f64> = (0..n * n).map(|x| at(x / n, x % n)).collect();
            let (values, vectors) = symmetric(a.clone(), n);
            assert!(values.windows(2).all(|v| v[0] >= v[1]));
            for (i, (value, vector)) in values.iter().zip(&vectors).enumerate() {
                for j in 0..n {
                    let stretched = dot(&a[j * n..(j + 1) * n], vector);
                    assert!((stretched - value * vector[j]).abs() < 1e-10, "{n}: vector {i}");
                    let expected = f64::from(u8::from(i == j));
                    assert!((dot(vector, &vectors[j]) - expected).abs() < 1e-10, "{n}: {i} and {j}");
                }
            }
        }
    }

    #[test]
    fn diagonal_and_zero_matrices_are_their_own_answer() {
        let (values, vectors) = symmetric(vec![1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 2.0], 3);
        assert_eq!((values, vectors[0].clone()), (vec![3.0, 2.0, 1.0], vec![0.0, 1.0, 0.0]));
        assert_eq!(symmetric(vec![0.0; 4], 2).0, [0.0, 0.0]);
    }
}
