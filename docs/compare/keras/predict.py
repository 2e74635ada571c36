"""Load, predict, print."""

import keras

_, (images, _) = keras.datasets.mnist.load_data()
probabilities = keras.models.load_model("digits.keras").predict(images[:1], verbose=0)[0]
print(f"{probabilities.argmax()} ({probabilities.max():.2f})")
