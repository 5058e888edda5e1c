"""The untrained network, and what a step costs it."""

from __future__ import annotations

from typing import Any

from finetune.pretraining.recipe import ShapeRecipe, StepsRecipe

_BETAS = (0.9, 0.95)  # as of Llama and GPT-3


def untrained(shape: ShapeRecipe, tokenizer: Any, seed: int) -> Any:
    """A Llama in float32 with tied embeddings, its weights drawn by the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def optimizers(model: Any, recipe: StepsRecipe) -> list[Any]:
    """Muon for the matrices between embedding and output, AdamW for the embedding and the norms.

    Muon's steps are scaled to the size of AdamW's (https://arxiv.org/abs/2502.16982), so that one learning
    rate serves both. Norms do not decay.
    """
    import torch

    embedding = model.get_input_embeddings().weight  # of the output too
    hidden = [weight for weight in model.parameters() if weight.dim() > 1 and weight is not embedding]
    norms = [weight for weight in model.parameters() if weight.dim() <= 1]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    return [
        torch.optim.Muon(hidden, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(
            [{"params": [embedding], "weight_decay": decay}, {"params": norms, "weight_decay": 0.0}],
            lr=rate,
            betas=_BETAS,
            fused=True,
        ),
    ]
