"""Whole programs, as people write them: only the imports are others, and the kind of the arrays.

`torch` is npconformer itself; with `return_tensors="pt"` the same programs run where torch is installed.
"""

from __future__ import annotations

import re
from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library

AREA = Area("programs", "Whole programs")
PROGRAMS = {
    "recognition in a loop of padded batches": """
import torch, numpy as np
from transformers import AutoProcessor, AutoModelForCTC
processor = AutoProcessor.from_pretrained(FOLDER)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = AutoModelForCTC.from_pretrained(FOLDER).to(device)
model.eval()
texts = []
for start in range(0, len(WAVES), 2):
    batch = WAVES[start : start + 2]
    inputs = processor(batch, sampling_rate=16_000, return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = model(inputs.to(device).input_values, attention_mask=inputs.attention_mask).logits
    predicted_ids = torch.argmax(logits, dim=-1)
    texts += processor.batch_decode(predicted_ids)
    probs = torch.nn.functional.softmax(logits, dim=-1)
    confidence = probs.max(dim=-1).values.mean(dim=1).cpu().numpy()
result = texts, confidence
""",
    "training with a collator, AdamW, a schedule and clipping": """
import torch, numpy as np
from dataclasses import dataclass
from typing import Any, Dict, List, Union
from transformers import Wav2Vec2ConformerForCTC, Wav2Vec2Processor, get_linear_schedule_with_warmup
@dataclass
class DataCollatorCTCWithPadding:
    processor: Any
    padding: Union[bool, str] = True
    def __call__(self, features: List[Dict[str, Any]]):
        input_features = [{"input_values": feature["input_values"]} for feature in features]
        label_features = [{"input_ids": feature["labels"]} for feature in features]
        batch = self.processor.pad(input_features, padding=self.padding, return_tensors="pt")
        labels_batch = self.processor.pad(labels=label_features, padding=self.padding, return_tensors="pt")
        labels = np.where(labels_batch.attention_mask == 1, labels_batch.input_ids, -100)
        batch["labels"] = torch.from_numpy(labels)
        return batch
processor = Wav2Vec2Processor.from_pretrained(FOLDER)
model = Wav2Vec2ConformerForCTC.from_pretrained(FOLDER,
    ctc_loss_reduction="mean", pad_token_id=processor.tokenizer.pad_token_id,
    attention_dropout=0.0, hidden_dropout=0.0, feat_proj_dropout=0.0, activation_dropout=0.0, final_dropout=0.0,
    conformer_conv_dropout=0.0, layerdrop=0.0, mask_time_prob=0.0, mask_feature_prob=0.0)
model.freeze_feature_encoder()
model.train()
dataset = [{"input_values": processor(w, sampling_rate=16000).input_values[0], "labels": processor(text=t).input_ids}
    for w, t in zip(WAVES, ["AB", "CDE", "A B", "C"])]
collate = DataCollatorCTCWithPadding(processor=processor)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.01)
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=2, num_training_steps=6)
losses = []
for epoch in range(3):
    for i in range(0, 4, 2):
        batch = collate(dataset[i : i + 2])
        batch = batch.to(model.device)
        outputs = model(**batch)
        loss = outputs.loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(loss.item())
model.save_pretrained(OUT)
processor.save_pretrained(OUT)
result = losses, scheduler.get_last_lr()
""",
    "classification with the best two classes": """
import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
feature_extractor = AutoFeatureExtractor.from_pretrained(CLASSIFIER)
model = AutoModelForAudioClassification.from_pretrained(CLASSIFIER)
inputs = feature_extractor(WAVES[0], sampling_rate=feature_extractor.sampling_rate, return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
scores = torch.softmax(logits, dim=-1)[0]
top = torch.topk(scores, k=2)
found = []
for score, index in zip(top.values, top.indices):
    found.append(f"{model.config.id2label[index.item()]}: {score.item():.3f} {score:.2f}")
predicted_class_ids = torch.argmax(logits).item()
target_label = model.config.id2label[0]
inputs["labels"] = torch.tensor([model.config.label2id[target_label]])
result = found, model.config.id2label[predicted_class_ids], model(**inputs).loss.item()
""",
    "verification of speakers": """
import torch
from transformers import AutoFeatureExtractor, Wav2Vec2ConformerForXVector
feature_extractor = AutoFeatureExtractor.from_pretrained(XVECTOR)
model = Wav2Vec2ConformerForXVector.from_pretrained(XVECTOR)
inputs = feature_extractor(WAVES[:2], sampling_rate=16000, return_tensors="pt", padding=True)
with torch.no_grad():
    embeddings = model(**inputs).embeddings
embeddings = torch.nn.functional.normalize(embeddings, dim=-1).cpu()
cosine_sim = torch.nn.CosineSimilarity(dim=-1)
similarity = cosine_sim(embeddings[0], embeddings[1])
threshold = 0.7
same = "same" if similarity > threshold else "not the same"
result = same, similarity.item(), (embeddings @ embeddings.T > 0.5).tolist()
""",
    "pre-training with masks and negatives": """
import torch, numpy as np
from transformers import AutoFeatureExtractor, Wav2Vec2ConformerForPreTraining
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import _compute_mask_indices
from transformers.models.wav2vec2.modeling_wav2vec2 import _sample_negative_indices
feature_extractor = AutoFeatureExtractor.from_pretrained(PRETRAIN)
model = Wav2Vec2ConformerForPreTraining.from_pretrained(PRETRAIN)
np.random.seed(0)
input_values = feature_extractor(WAVES[0], return_tensors="pt", sampling_rate=16000).input_values
batch_size, raw_sequence_length = input_values.shape
sequence_length = model._get_feat_extract_output_lengths(raw_sequence_length).item()
shape = (batch_size, sequence_length)
mask_time_indices = _compute_mask_indices(shape, mask_prob=0.2, mask_length=2)
negatives = _sample_negative_indices(shape, model.config.num_negatives, mask_time_indices=mask_time_indices)
mask_time_indices = torch.tensor(data=mask_time_indices, device=input_values.device, dtype=torch.long)
negatives = torch.tensor(data=negatives, dtype=torch.long)
with torch.no_grad():
    outputs = model(input_values, mask_time_indices=mask_time_indices)
cosine_sim = torch.cosine_similarity(outputs.projected_states, outputs.projected_quantized_states, dim=-1)
similarity = cosine_sim[mask_time_indices.to(torch.bool)].mean().item()
model = model.train()
loss = model(input_values, mask_time_indices=mask_time_indices, sampled_negative_indices=negatives).loss
loss.backward()
num_losses = mask_time_indices.sum()
for param in model.parameters():
    if param.grad is not None:
        param.grad = param.grad / num_losses
model.set_gumbel_temperature(max(2.0 * 0.999, 0.5))
result = similarity, torch.isfinite(loss).item(), num_losses.item()
""",
    "long recordings in chunks": """
import torch
from transformers import pipeline
options = dict(chunk_length_s=1.0, stride_length_s=(0.2, 0.1))
pipe = pipeline("automatic-speech-recognition", model=FOLDER, device="cpu", **options)
result = [pipe(LONG, return_timestamps="word")["text"][:60]]
pipe = pipeline("automatic-speech-recognition", model=FOLDER)
out = pipe(LONG.copy(), chunk_length_s=2, stride_length_s=[0.4, 0.2], batch_size=4)
result.append(out["text"][:60])
for one in pipe([{"raw": wave, "sampling_rate": 16000} for wave in WAVES[:2]]):
    result.append(one["text"])
""",
}


def ported(program: str) -> str:
    """The program for npconformer."""
    program = re.sub(r"\btransformers\b", "npconformer", program)
    program = re.sub(r"import torch\b", "import npconformer as torch", program)
    program = program.replace("torch.nn.utils.clip_grad_norm_", "torch.optim.clip_grad_norm_")
    return program.replace('return_tensors="pt"', 'return_tensors="np"')


def run(l: Library, program: str) -> Any:
    names = {
        **{
            "FOLDER": l.folder(),
            "CLASSIFIER": l.folder("ForSequenceClassification"),
            "XVECTOR": l.folder("ForXVector"),
        },
        **{"PRETRAIN": l.folder("ForPreTraining"), "OUT": str(l.temporary / "out"), "__name__": "__main__"},
        **{"WAVES": l.audio(16000, 12000, 9000, 14000), "LONG": l.audio(80000)},
    }
    names["np"] = __import__("numpy")
    exec(program if l.is_reference else ported(program), names)
    return names["result"]


for title, program in PROGRAMS.items():

    @AREA.row(title, tolerance=1e-3)
    def of_program(l: Library, program: str = program) -> Any:
        return run(l, program)
