"""Use a trained encoder: load it from a run folder, compute features, write them to a file."""

from mixtrast.inference.encoder import TrainedEncoder as TrainedEncoder
from mixtrast.inference.encoder import embed as embed
from mixtrast.inference.files import EncoderRecord as EncoderRecord
from mixtrast.inference.files import load as load
from mixtrast.inference.files import load_weights as load_weights
from mixtrast.inference.files import rebuild as rebuild
from mixtrast.inference.files import save as save
from mixtrast.inference.files import save_weights as save_weights
