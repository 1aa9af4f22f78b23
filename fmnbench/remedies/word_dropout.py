"""Word dropout: the decoder does not see all words before."""

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.nn.lstm_layers import WordDecoder
from fmnbench.registry import Share, remedies
from fmnbench.remedies.base import Remedy


@remedies.register("word-dropout", source="Bowman et al. 2016, sec. 3.2", cost="none", version=1)
class WordDropout(Remedy):
    """A share `rate` of the words that the decoder reads in training is the unknown word.

    It declines decoders that read no words. At test all words are read.
    """

    def __init__(self, *, rate: Share = 0.25) -> None:
        super().__init__()
        self.rate = rate

    def around(self, vae: VAE) -> VAE:
        decoders = [each for each in vae.modules() if isinstance(each, WordDecoder)]
        if not decoders:
            raise Declined(f"{type(vae).__name__} has no decoder that reads words")
        for decoder in decoders:
            decoder.word_dropout = self.rate
        return vae
