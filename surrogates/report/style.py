"""How reports look: on screens, phones and paper."""

from surrogates.report.markup import Html

__all__ = ["STYLE"]

STYLE = Html("""
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#f4f5f7;color:#1c2430;
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}
h2{font-size:1.15rem;margin:0 0 .6rem}
p,ol,ul,dl,table{margin:0 0 .8rem}
section{background:#fff;border:1px solid #d5dae1;border-radius:.5rem;padding:1rem 1.1rem;
margin:0 0 1rem}
h1,p,li,dd,dt,td,th,code,caption,summary{overflow-wrap:anywhere}
.outcome{font-size:1.3rem;font-weight:600;margin:0 0 .6rem}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.2rem 1rem}
dt{color:#4a5568}
dd{margin:0}
.reasons{list-style:none;padding:0}
.reasons>li{border-top:1px solid #e3e7ec;padding:.7rem 0 .2rem}
.reasons>li:first-child{border-top:0;padding-top:0}
.reason{font-weight:600;margin:0}
.reasons p{margin:0 0 .25rem}
.code{display:inline-block;border:1px solid #7b8794;border-radius:.25rem;padding:0 .35rem;
font-size:.85rem;font-weight:400}
.quiet,caption,footer{color:#4a5568;font-size:.92rem}
svg{display:block;width:100%;height:1rem;margin:.15rem 0}
.raises{fill:#b23a2e}
.lowers{fill:#2563a8}
svg line{stroke:#1c2430;stroke-width:1.5px}
.box{border-left:.35rem solid;border-radius:.25rem;padding:.6rem .8rem;margin:0 0 .8rem}
.box p:last-child,.box ul:last-child{margin-bottom:0}
.warning{background:#fdecea;border-color:#b3261e;color:#6b150f}
.finding{background:#fff4dc;border-color:#9a6700;color:#5c3d00}
table{border-collapse:collapse;width:100%;table-layout:fixed}
caption{text-align:left;padding:0 0 .4rem}
th,td{border-bottom:1px solid #e3e7ec;padding:.35rem .5rem .35rem 0;text-align:left;
vertical-align:top}
thead th{border-bottom:2px solid #7b8794}
tbody th{font-weight:400}
.mark{font-weight:600;color:#6b4a00}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;margin:.5rem 0 0}
code{font-size:.85rem}
summary{cursor:pointer;padding:.2rem 0}
footer{max-width:46rem;margin:0 auto;padding:0 1rem 1.5rem}
@media (max-width:36rem){main{padding:1rem .6rem}section{padding:.8rem}
dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .4rem}th,td{font-size:.92rem}}
@media print{body{background:#fff;font-size:10.5pt}main,footer{max-width:none;padding:0}
section{border:0;border-top:1px solid #7b8794;border-radius:0;padding:.6rem 0;
break-inside:avoid-page}details{display:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
""")
