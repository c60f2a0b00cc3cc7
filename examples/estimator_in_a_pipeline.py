"""A VAE in a pipeline of scikit-learn, on its handwritten digits: seconds.

Codes of a few labelled digits feed a classifier, beside principal components of the same size; then
the latent size is chosen by cross-validation, without labels.
"""

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from latentsweep import VAE

SIZE = 8


def main() -> None:
    """Print two accuracies, and the score of three latent sizes."""
    X, y = load_digits(return_X_y=True)  # noqa: N806
    parts = train_test_split(X, y, train_size=900, stratify=y, random_state=0)
    train, test, train_labels, test_labels = parts
    vae = VAE(SIZE, hidden_size=128, random_state=0)
    for reduction in (PCA(SIZE), vae):
        pipeline = make_pipeline(reduction, LogisticRegression(max_iter=1_000))
        accuracy = pipeline.fit(train, train_labels).score(test, test_labels)
        print(f"{type(reduction).__name__:4} {SIZE} dimensions, {accuracy:.1%} of digits right")

    search = GridSearchCV(vae, {"latent_size": [2, 4, 8]}, cv=3).fit(train)
    scores = search.cv_results_["mean_test_score"]
    for size, score in zip((2, 4, 8), scores, strict=True):
        print(f"{size} dimensions: ELBO {score:.1f} nats per digit")
    print(f"best by cross-validation: {search.best_params_['latent_size']}")


if __name__ == "__main__":
    main()
