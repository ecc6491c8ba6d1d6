"""Sentences of errors from below: why something asked for at the console was not done. Pure.

In both languages a value stands in braces: `{why}` and `{more}` are sentences of these tables themselves, `{what}` is
one of `WHATS`, `{number}` and those behind it in `told.NUMBERS` are numbers, all else is as it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # the way in, forms and addresses
    "the page was too old; load it again and repeat what you did": "页面已过期；请重新加载后再操作一次",
    "the store cannot be used; see the server's log, then try again": "存储无法使用；请查看服务器日志，然后重试",
    "the store cannot be used; see the server's log": "存储无法使用；请查看服务器日志",
    "too many links that open nothing came from your address; wait a minute, then try again": (
        "您的地址使用了过多无效的登录链接；请等待一分钟后重试"
    ),
    "this link was used, is older than ten minutes, or was never made; make another with: hongshu login": (
        "此链接已被使用、已超过十分钟，或从未生成；请重新生成：hongshu login"
    ),
    "a form of this console was expected; go back and send it from its page": (
        "此处只接受控制台的表单；请返回其页面重新提交"
    ),
    "the form is larger than {number} bytes; name fewer creators at once, or use the commands": (
        "表单超过 {number} 字节；请分次填写较少的博主，或改用命令"
    ),
    "the form came from another address than this server knows as its own; behind a proxy, set [server] public_url"
    " to the address that browsers show, and restart": (
        "表单来自服务器所不知道的地址；如使用反向代理，请将 [server] public_url 设为浏览器中显示的地址，然后重启"
    ),
    "the server is stopping; try again in a minute": "服务器正在停止；请一分钟后重试",
    "the form has more than {number} fields": "表单的字段超过 {number} 个",
    "{what} is given {number} times; send it once": "“{what}”给出了 {number} 次；请只提交一次",
    '{what} is a whole number, not "{given}"': "{what}应为整数，而不是“{given}”",
    "{what} is at least 1; leave it empty for no bound": "{what}至少为 1；留空表示不限",
    "the balance does not pay for a page, which costs {cost} credits; ask an operator for a top-up": (
        "余额不足以支付一页（每页 {cost} 积分）；请联系管理员充值"
    ),
    "{number} batches of yours are under way; wait for one to end, or cancel one": (
        "您有 {number} 个采集批次正在进行；请等待其中一个结束，或取消一个"
    ),
    "nobody has the secret of the token that pays for what is ordered here; it needs no other": (
        "用于支付此处订单的令牌，其密钥无人持有，无需更换"
    ),
    '"{given}" is the name of the token that pays for what is ordered here; choose another': (
        "“{given}”是用于支付此处订单的令牌的名称；请换一个名称"
    ),
    "an account may have {number} tokens that are active, and make {most} in all; revoke one, or ask an operator": (
        "一个账户最多可有 {number} 个有效令牌，总共可新建 {most} 个；请吊销一个，或联系管理员"
    ),
    "{what} is one of {choices}": "{what}应为其中之一：{choices}",
    "choose one of {choices}": "请选择其中之一：{choices}",
    "the format is {choices}": "格式应为其中之一：{choices}",
    "there is nothing of that name here": "此处没有这个名称的内容",
    '"{given}" is no date; write one like 2027-01-31': "“{given}”不是日期；请写成 2027-01-31 这样",
    '"{given}" is no date; write 2027-01-31 or 2027-01-31T12:00:00Z': (
        "“{given}”不是日期；请写成 2027-01-31 或 2027-01-31T12:00:00Z"
    ),
    '"{given}" is before 1970 or after 9998; write a date between them': (
        "“{given}”早于 1970 年或晚于 9998 年；请填写其间的日期"
    ),
    '"{given}" is no time zone; write its IANA name, such as Asia/Shanghai or UTC': (
        "“{given}”不是时区；请填写其 IANA 名称，例如 Asia/Shanghai 或 UTC"
    ),
    '"{given}" is no time zone; write one such as Asia/Shanghai or Europe/Berlin': (
        "“{given}”不是时区；请填写例如 Asia/Shanghai 或 Europe/Berlin"
    ),
    '"{given}" is no window; write days such as 90d, dates such as 2026-01-01..2026-03-31 that do not lie in the'
    " future, or all": (
        "“{given}”不是时间范围；请填写天数如 90d、不在未来的日期如 2026-01-01..2026-03-31，或 all（全部）"
    ),
    "the page to go on behind is not there any more; begin with the newest": "要接续的那一页已不存在；请从最新的开始",
    # who is meant
    '{why}; line {number}, "{text}": {more}': "{why}；第 {number} 行“{text}”：{more}",
    '{why}; line {number} "{text}": {more}': "{why}；第 {number} 行“{text}”：{more}",
    'line {number}, "{text}": {why}': "第 {number} 行“{text}”：{why}",
    'line {number} "{text}": {why}': "第 {number} 行“{text}”：{why}",
    "{why} … and {number} more": "{why}……以及另外 {number} 行",
    "userId is a short link; open it in a browser and pass the 24 hex digits of the user id, or the profile link that"
    " holds /user/profile/<id>": (
        "这是短链接；请在浏览器中打开，再填写用户 ID（24 位十六进制数字）或含 /user/profile/<id> 的主页链接"
    ),
    "userId is a link that is no profile; pass the 24 hex digits of the user id, or the profile link that holds"
    " /user/profile/<id>": ("这个链接不是主页；请填写用户 ID（24 位十六进制数字）或含 /user/profile/<id> 的主页链接"),
    "userId looks like a 小红书号 (RED id); open the profile and pass the 24 hex digits of the user id, or the profile"
    " link that holds /user/profile/<id>": (
        "这看起来是小红书号；请打开主页，再填写用户 ID（24 位十六进制数字）或含 /user/profile/<id> 的主页链接"
    ),
    "userId must be lower-case hex without spaces around it; pass the 24 hex digits of the user id, or the profile"
    " link that holds /user/profile/<id>": (
        "ID 应为小写十六进制，前后没有空格；请填写用户 ID（24 位十六进制数字）或含 /user/profile/<id> 的主页链接"
    ),
    "userId is neither a user id nor a profile link; pass the 24 hex digits of the user id, or the profile link that"
    " holds /user/profile/<id>": (
        "这既不是用户 ID，也不是主页链接；请填写用户 ID（24 位十六进制数字）或含 /user/profile/<id> 的主页链接"
    ),
    "it is longer than {number} signs": "超过 {number} 个字符",
    "it holds ids or links to several profiles; write one a line": "含有多个 ID 或主页链接；请每行写一个",
    "a spreadsheet made a number of the id; write it into a column of text again": (
        "表格软件把 ID 变成了数字；请重新写入文本格式的列"
    ),
    "it holds a short link; open it in a browser and pass the profile link it leads to": (
        "含有短链接；请在浏览器中打开，再填写它所指向的主页链接"
    ),
    "the list has more than {number} lines; split it": "列表超过 {number} 行；请拆分",
    "nobody is named; write ids or profile links, one a line": "没有填写博主；请填写 ID 或主页链接，每行一个",
    "nobody is named; write ids or profile links, one a line, or name a group": (
        "没有填写博主；请填写 ID 或主页链接，每行一个，或选择分组"
    ),
    "nobody is named; paste ids, profile links or shared texts, one a line, or choose a group": (
        "没有填写博主；请粘贴 ID、主页链接或分享文本，每行一个，或选择分组"
    ),
    "{number} creators are named; a page takes {most}, the commands any": (
        "填写了 {number} 位博主；页面最多处理 {most} 位，命令行不限"
    ),
    "{number} creators are named; the console takes {most}, `hongshu collect` any": (
        "填写了 {number} 位博主；控制台最多处理 {most} 位，`hongshu collect` 不限"
    ),
    "a creator's id is 24 hex digits; search for the creator by name": (
        "博主 ID 是 24 位十六进制数字；请按名称搜索博主"
    ),
    "nothing is known of {creator} yet; collect it: hongshu collect {again}": (
        "还没有 {creator} 的任何数据；请先采集：hongshu collect {again}"
    ),
    # groups, feeds, covers, news
    "a group's name is 1 to {number} printable signs": "分组名称为 1 至 {number} 个可见字符",
    "groups are changed by operators; leave the group to put them into empty": ("分组由管理员更改；请将“加入分组”留空"),
    "groups are changed by operators; name creators, or a group alone to watch its members": (
        "分组由管理员更改；请填写博主，或只选择分组以监测其成员"
    ),
    "this group has no members; choose another one": "该分组没有成员；请选择其他分组",
    "this group has no members; name creators to put into it": "该分组没有成员；请填写要加入的博主",
    "there is no feed of that id": "没有此编号的订阅源",
    "this cover is not kept; collect with covers: hongshu collect USER --covers": (
        "没有保存此封面；请连同封面采集：hongshu collect USER --covers"
    ),
    "the file of this cover is gone; collect with covers again": "此封面的文件已不存在；请连同封面重新采集",
    "there is no such kind of news; choose one of {choices}": "没有这种动态；请选择其中之一：{choices}",
    "name a creator or a group, not both": "请只填写博主或分组之一",
    # numbers, reports, data sets
    "{number} to {most} creators are compared on a page, not {count}; name them, one a line, or choose a smaller group;"
    " `hongshu report compare` takes any number": (
        "页面可对比 {number} 至 {most} 位博主，而不是 {count} 位；请每行填写一位，或选择较小的分组；"
        "`hongshu report compare` 不限人数"
    ),
    "{number} notes are more than a page computes; make a report: {command}": (
        "{number} 篇笔记超出页面的计算能力；请生成报告：{command}"
    ),
    "many numbers are being computed; wait a moment, then load the page again": "正在计算许多数据；请稍候再重新加载",
    "{number} files are being made or sent already; wait a moment, then try again": (
        "正在生成或下载 {number} 个文件；请稍候重试"
    ),
    "a report about a creator takes one creator, and neither a group nor a focus": (
        "单个博主的报告只需一位博主，不需要分组和对比基准"
    ),
    "a comparison takes two creators or more; name them, one a line, or choose a group": (
        "对比至少需要两位博主；请每行填写一位，或选择分组"
    ),
    "one creator at most is in focus": "对比基准最多一位博主",
    "there is no scheduled report of that id": "没有此编号的定期报告",
    "the report is larger than the console makes; make it with: {command}": (
        "报告大小超出控制台的限制；请用命令生成：{command}"
    ),
    "this is larger than the {number} GB that the console makes; run: {command}": (
        "文件超过控制台的上限 {number} GB；请运行：{command}"
    ),
    "the first day lies before the last": "起始日期应早于截止日期",
    "the {what} was not made within {number} s; choose fewer creators": (
        "未能在 {number} 秒内生成{what}；请选择较少的博主"
    ),
    "the process that made the {what} ended with status {number}; see what `hongshu {command}` says": (
        "生成{what}的进程以状态 {number} 结束；请查看 `hongshu {command}` 的输出"
    ),
    "nothing is known of {creators}; collect first: hongshu collect {again}": (
        "还没有 {creators} 的任何数据；请先采集：hongshu collect {again}"
    ),
    "nothing is known yet; collect first: hongshu collect USER": "还没有任何数据；请先采集：hongshu collect USER",
    "fewer than two of these creators are known without a gap, so there is nothing to compare; collect them: hongshu"
    " collect {creators}": "其中数据无遗漏的博主不足两位，无法对比；请先采集：hongshu collect {creators}",
    "these creators share no time of the window that is known without a gap; collect them again, or pass a longer"
    " --window": "在该时间范围内，这些博主没有共同的无遗漏时段；请重新采集，或选择更长的时间范围",
    'there is no creator in the group "{group}"; `hongshu creator group` adds some': (
        "分组“{group}”中没有博主；可用 `hongshu creator group` 添加"
    ),
    "{path} cannot be written ({reason}); see to the folder": "{path} 无法写入（{reason}）；请检查文件夹",
    "{path} cannot be written ({reason}); see to the disk, then export again": (
        "{path} 无法写入（{reason}）；请检查磁盘，然后重新导出"
    ),
    'Parquet needs DuckDB; install it with: pip install "hongshu[analytics]"': (
        'Parquet 需要 DuckDB；安装命令：pip install "hongshu[analytics]"'
    ),
    'XLSX needs its writer; install it with: pip install "hongshu[sheets]"': (
        'XLSX 需要写入组件；安装命令：pip install "hongshu[sheets]"'
    ),
    # watches, deliveries, sources
    "calls a day is a whole number, 1 or more": "每日调用次数应为整数，至少为 1",
    "choose pause, resume or remove": "请选择暂停、恢复或移除",
    "none of them is watched; the list of watches shows who is": "其中没有被监测的博主；监测列表可查看被监测者",
    "there is no channel of this name; the page of deliveries lists them": "没有这个名称的渠道；请查看推送页面的列表",
    'there is no delivery "{delivery}"; `hongshu delivery list` shows them': (
        "没有推送“{delivery}”；可用 `hongshu delivery list` 查看"
    ),
    "the file of this report is there no more; make and send it anew with: {command}": (
        "此报告的文件已不存在；请重新生成并发送：{command}"
    ),
    "there is no source of this name; the settings name those that there are": "没有这个名称的来源；请查看配置中的来源",
    # backups
    "no folder for backups is set; set [backup] folder in hongshu.toml and restart": (
        "没有设置备份文件夹；请在 hongshu.toml 中设置 [backup] folder 并重启"
    ),
    "a backup is under way; wait for it": "正在备份；请等待完成",
    "the folder {folder} cannot be used ({reason}); check its owner, or name another one in [backup]": (
        "文件夹 {folder} 无法使用（{reason}）；请检查其所有者，或在 [backup] 中改用其他文件夹"
    ),
    "the server is stopping; the backup is taken when it runs again": "服务器正在停止；再次运行时进行备份",
    "{path} cannot be written ({why})": "{path} 无法写入（{why}）",
    "{reason}; check its owner and the space on its disk": "{reason}；请检查其所有者和磁盘空间",
    "no backup was taken: {why}": "未能备份：{why}",
    "the ledger is not as it should be ({number} differences); see hongshu ledger verify, and keep a copy of the whole"
    " data directory until they are explained": (
        "账本有误（{number} 处差异）；请查看 hongshu ledger verify，并在查明之前保留整个数据目录的副本"
    ),
    # accounts, tokens, the ledger, usage
    'there is no account "{account}"; `hongshu account list` shows them': (
        "没有账户“{account}”；可用 `hongshu account list` 查看"
    ),
    'an account named "{account}" exists already; choose another name': "已有名为“{account}”的账户；请换一个名称",
    "a name has 1 to 64 letters, digits, spaces or . @ _ - and begins with a letter or digit": (
        "名称为 1 至 64 个字母、数字、空格或 . @ _ - ，且以字母或数字开头"
    ),
    "a reference or reason is 1 to {number} printable characters": "凭据或原因为 1 至 {number} 个可见字符",
    "an amount is a whole number of credits from {least} to {most}": "金额应为 {least} 至 {most} 的整数积分",
    "{number} credits cannot be taken: the balance is {balance}, {held} of it held by calls in flight": (
        "无法扣减 {number} 积分：余额为 {balance}，其中 {held} 由进行中的调用预留"
    ),
    'there is no token with the id "{token}"; `hongshu token list` shows them': (
        "没有编号为“{token}”的令牌；可用 `hongshu token list` 查看"
    ),
    "the token {token} is revoked; create another one": "令牌 {token} 已吊销；请新建一个",
    'the token "{token}" is revoked, so nothing can be collected from the console': (
        "令牌“{token}”已吊销，因此无法从控制台采集"
    ),
    "the grace time is a number of seconds from 0 to {most}": "旧密钥继续有效的时间应为 0 至 {most} 秒",
    "choose the account that pays for the token's calls": "请选择为此令牌的调用付费的账户",
    "{what} is at most {most} here; ask an operator for more": "{what}在此处最多为 {most}；需要更多请联系管理员",
    "rate and burst are at least 1, the daily quota at least 0": "每分钟调用次数和突发量至少为 1，每日配额至少为 0",
    "rate, burst and daily quota are at most {most}": "每分钟调用次数、突发量和每日配额最多为 {most}",
    '"{given}" is no address or network; write one like 203.0.113.0/24': (
        "“{given}”不是地址或网段；请写成 203.0.113.0/24 这样"
    ),
    "an entry is of the kind {choices}; choose one of them": "分录的类型为 {choices}；请选择其中之一",
    'there is no ledger entry "{entry}"; `hongshu ledger list` shows them': (
        "没有分录“{entry}”；可用 `hongshu ledger list` 查看"
    ),
    "{entry} charges nothing (it is of kind {what}, {number} credits)": (
        "{entry} 没有扣费（类型为{what}，{number} 积分）"
    ),
    "{entry} was refunded already, by {refund}": "{entry} 已退款，见 {refund}",
    'a code is a number such as 0 or 302, not "{given}"': "业务码是 0 或 302 这样的数字，而不是“{given}”",
    "the time to end at is before the one to begin at; exchange them": "结束时间早于开始时间；请对调",
    'usage is shown by {choices}, not by "{given}"': "用量的汇总方式为 {choices}，而不是“{given}”",
    "the last day is before the first one; exchange them": "截止日期早于起始日期；请对调",
}
WHATS: Final[Mapping[str, str]] = {
    "kind": "类型",
    "format": "格式",
    "language": "语言",
    "what": "内容",
    "theme": "外观",
    "report": "报告",
    "export": "导出文件",
    "amount": "金额",
    "balance": "余额",
    "low balance": "低余额提醒阈值",
    "rate per minute": "每分钟调用次数",
    "rate_per_minute": "每分钟调用次数",
    "burst": "突发量",
    "daily quota": "每日调用次数",
    "daily_quota": "每日调用次数",
    "grace": "旧密钥继续有效的秒数",
    "most notes": "每位博主最多采集的笔记数",
    "most pages": "总页数上限",
    "topup": "充值",
    "charge": "扣费",
    "refund": "退款",
    "adjust": "调整",
    "number of entries": "分录数",
    "held amount": "预留金额",
    "usage in credits": "扣费用量",
    "the sum of its entries": "其分录之和",
    "the last entry's number": "最后一笔分录的序号",
    "the sum of its holds": "其预留之和",
    "the sum of its charges": "其扣费之和",
}
"""What sentences are about, where that is named by a value."""
