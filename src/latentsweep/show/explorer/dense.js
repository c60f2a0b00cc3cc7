// The networks: dense layers of ReLU units, and what the decoder's outputs mean. Pure functions.
//
//   encoder:  h = relu(x W + b),  mean = h W + b       x: the item in the unit the network was given
//   decoder:  h = relu(z W + b),  parameters = h W + b
//
// with as many such h, one after the other, as there are hidden layers. Either part may have a
// linear path beside them, whose x W + b or z W + b is added to what they give.
// A layer is {weight, bias}: a Float32Array [inputs, outputs], row by row, and one [outputs].

/** x W + b: a Float32Array [outputs]. Inputs that are 0, as half of all ReLU units are, cost nothing. */
export const linear = (x, { weight, bias }) => {
  const outputs = bias.length;
  const y = Float32Array.from(bias);
  for (let i = 0; i < x.length; i += 1) {
    const value = Math.fround(x[i]);
    if (value !== 0) addRow(y, value, weight, i * outputs);
  }
  return y;
};

const addRow = (y, value, weight, start) => {
  for (let j = 0; j < y.length; j += 1) y[j] += Math.fround(value * weight[start + j]);
};

const relu = (values) => {
  for (let i = 0; i < values.length; i += 1) if (!(values[i] > 0)) values[i] = 0;
  return values;
};

const through = (x, layers) => layers.reduce((values, layer) => relu(linear(values, layer)), x);

/** What layers made of x, with what a linear path makes of it added, if there is one. */
const beside = (made, path, x) => {
  if (!path) return made;
  const along = linear(x, path);
  return made.map((value, i) => value + along[i]);
};

/** The mean [size] of the code of an item x [features]. */
export const encode = ({ encoder: { hidden, mean, path } }, x) =>
  beside(linear(through(x, hidden), mean), path, x);

/** The likelihood's parameters [parameters x features] of a code z [size]. */
export const decode = ({ decoder: { hidden, output, path } }, z) =>
  beside(linear(through(z, hidden), output), path, z);

// Counts: logarithms are cut off where the package does it.
const clamped = (value, low, high) => Math.min(Math.max(value, low), high);
const rate = (output) => Math.exp(clamped(output, -20, 20));
const dispersion = (output) => Math.exp(clamped(output, -10, 15));
const logs = (counts) => counts.map(Math.log1p);

/** log Gamma(z) for z > 0, by Stirling's series from 8 upwards. */
const logGamma = (z) => {
  if (z < 8) return logGamma(z + 1) - Math.log(z);
  const series = (1 / 12 - (1 / 360 - 1 / 1260 / z ** 2) / z ** 2) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series;
};

/** log Gamma(x + r) - log Gamma(r) - log x! + r log(r / (r + m)) + x log(m / (r + m)) */
const logNegativeBinomial = (x, m, r) =>
  logGamma(x + r) - logGamma(r) - logGamma(x + 1) -
  (x + r) * Math.log1p(m / r) + x * Math.log(m / r);

/** The mean of a continuous Bernoulli, and the log of the integral of e^(l x) over [0, 1]. */
const expected = (l) =>
  Math.abs(l) < 0.01 ? 0.5 + l / 12 - l ** 3 / 720 : -1 / Math.expm1(-l) - 1 / l;
const logIntegral = (l) =>
  Math.abs(l) < 0.01
    ? l / 2 + l ** 2 / 24
    : Math.max(l, 0) + Math.log(-Math.expm1(-Math.abs(l)) / Math.abs(l));

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
const softplus = (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
const summed = (values, term) => values.reduce((sum, value, i) => sum + term(value, i), 0);

/** The likelihoods that the page knows: what an encoder sees of an item, if that is not the item,
 *  the expected item, and -log p(target | parameters) in nats. `shared` is what all examples have
 *  in common: a Gaussian's variance. */
export const likelihoods = {
  bernoulli: {
    mean: (logits) => logits.map(sigmoid),
    nats: (target, logits) => summed(logits, (logit, i) => softplus(logit) - target[i] * logit),
  },
  "continuous-bernoulli": {
    mean: (logits) => logits.map(expected),
    nats: (target, logits) => summed(logits, (logit, i) => logIntegral(logit) - target[i] * logit),
  },
  poisson: {
    seen: logs,
    mean: (outputs) => outputs.map(rate),
    nats: (target, outputs) =>
      summed(target, (x, i) => {
        const m = rate(outputs[i]);
        return m - x * Math.log(m) + logGamma(x + 1);
      }),
  },
  "negative-binomial": {
    seen: logs,
    mean: (outputs) => outputs.slice(0, outputs.length / 2).map(rate),
    nats: (target, outputs) =>
      summed(
        target,
        (x, i) =>
          -logNegativeBinomial(x, rate(outputs[i]), dispersion(outputs[target.length + i])),
      ),
  },
  gaussian: {
    mean: (means) => means,
    nats: (target, means, shared) =>
      summed(
        means,
        (mean, i) => 0.5 * ((target[i] - mean) ** 2 / shared + Math.log(2 * Math.PI * shared)),
      ),
  },
};
